import {
  defineSearchAttributeKey,
  type SearchAttributePair,
  SearchAttributeType,
} from '@temporalio/common';
import type { RunAutomationInput } from '../workflows/contract.ts';

/**
 * The custom search attributes of Masar's workflows, which the Web UI's list filters and sorts by.
 * All are keywords: matched whole, never split into words. By name, as the development server
 * and `temporal operator search-attribute create` take them.
 * https://docs.temporal.io/search-attribute
 */
export const SEARCH_ATTRIBUTES = {
  MasarProject: 'Keyword',
  MasarWorkflow: 'Keyword',
  MasarVersion: 'Keyword',
  MasarLead: 'Keyword',
  MasarTrigger: 'Keyword',
  MasarStatus: 'Keyword',
} as const;

/** What a new execution can be found by. */
export function searchAttributesOf(input: RunAutomationInput): SearchAttributePair[] {
  return [
    keyword('MasarProject', input.projectId),
    keyword('MasarWorkflow', input.plan.workflowId),
    keyword('MasarVersion', String(input.plan.version)),
    ...(input.leadId === null ? [] : [keyword('MasarLead', input.leadId)]),
    keyword('MasarTrigger', input.trigger.type),
    keyword('MasarStatus', 'running'),
  ];
}

/** What a workflow that belongs to no execution can be found by. */
export function projectAttribute(projectId: string): SearchAttributePair {
  return keyword('MasarProject', projectId);
}

/** A value of one of the attributes. */
export function keyword(name: keyof typeof SEARCH_ATTRIBUTES, value: string): SearchAttributePair {
  return { key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD), value };
}
