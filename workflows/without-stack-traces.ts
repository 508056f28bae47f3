/**
 * Preloaded into the workflows' isolate (workers/workflow-bundle.ts), unless somebody debugs. The
 * SDK takes a stack trace of every promise a workflow makes, for the Web UI's tab "Call Stack";
 * that is a quarter of what an execution costs. The current details show more, at less cost.
 * https://docs.temporal.io/develop/typescript/debugging
 */
Error.stackTraceLimit = 0;
