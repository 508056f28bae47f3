/** The workflows that workers run: the only workflowsPath. */
export { checkCredential } from './check-credential.workflow.ts';
export { fireSchedule } from './fire-schedule.workflow.ts';
export { runAutomation } from './run-automation.workflow.ts';
