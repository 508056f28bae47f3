/** The workflows that workers run: the only workflowsPath. */
export { runAutomation } from './run-automation.workflow.ts';
