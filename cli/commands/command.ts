/** What all command groups share: options that come from commander are parsed, not trusted. */

import type { Command } from 'commander';
import { z } from 'zod';
import { type CommandContext, createContext, type GlobalOptions } from '../command-context.ts';

/** What a command ends with: 0 done, 1 failed; undefined: its process goes on by itself. */
export type ExitCode = 0 | 1 | 130 | undefined;

/** How main learns what a command has ended with. */
export type Ended = (code: ExitCode) => void;

const globalSchema = z.object({
  json: z.boolean().optional(),
  url: z.string().optional(),
  apiKey: z.string().optional(),
});

export function contextOf(command: Command): CommandContext {
  return createContext(globalOptionsOf(command));
}

export function globalOptionsOf(command: Command): GlobalOptions {
  return globalSchema.parse(command.optsWithGlobals());
}

const known = new WeakMap<Command, readonly string[]>();

/** Examples at the end of a command's help. */
export function examples(command: Command, ...lines: readonly string[]): Command {
  known.set(command, lines);
  return command.addHelpText('after', `\nExamples:\n${lines.map((it) => `  $ ${it}`).join('\n')}`);
}

export function examplesOf(command: Command): readonly string[] {
  return known.get(command) ?? [];
}
