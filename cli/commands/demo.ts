/** `masar demo`: the examples, played in sandbox mode on a running Masar. */

import type { Command } from 'commander';
import type { Demo } from '../demos/demos.ts';
import { OperatorError } from '../local-process.ts';
import { nearest } from '../nearest.ts';
import { contextOf, type Ended, examples } from './command.ts';

interface DemoFlags {
  readonly reset?: true;
  readonly keep?: true;
}

export function addDemoCommand(program: Command, ended: Ended): void {
  examples(
    program
      .command('demo')
      .description('run an example in sandbox mode and show what its receivers got; lists them all')
      .argument('[name]', 'the example; without it, the list')
      .option('--reset', 'put the example back as it was, if somebody has changed it here')
      .option('--keep', 'leave the example published, to go on trying it')
      .action(async (name: string | undefined, options: DemoFlags, command: Command) => {
        const context = contextOf(command);
        const { terminal } = context;
        // The demos know definitions and connectors, which other commands need not load.
        const { DEMOS } = await import('../demos/demos.ts');
        if (name === undefined) {
          const items = DEMOS.map((demo) => ({
            name: demo.name,
            shows: demo.shows,
            files: demo.files.map((file) => `examples/${file}`),
          }));
          context.result({ items }, () => {
            const width = Math.max(...items.map((item) => item.name.length));
            for (const item of items) {
              terminal.line(`  ${terminal.bold(item.name.padEnd(width))}  ${item.shows}`);
            }
            terminal.line();
            terminal.line('"masar demo <name>" runs one. Nothing is sent to anybody.');
          });
          return ended(0);
        }
        const demo = DEMOS.find((it) => it.name === name);
        if (demo === undefined) throw unknownDemo(name, DEMOS);
        terminal.line(`${terminal.bold(demo.name)}: ${demo.shows}`);
        terminal.line(terminal.dim(`  ${demo.files.map((it) => `examples/${it}`).join(', ')}`));
        const api = context.api();
        const { createStage } = await import('../demos/stage.ts');
        const { liveProviders } = await import('../live-providers.ts');
        const stage = createStage({
          api,
          terminal,
          reset: options.reset === true,
          liveProviders: liveProviders(context.environment),
        });
        const { scenes, asExpected } = await demo.play(stage).catch(async (error: unknown) => {
          if (options.keep !== true) await stage.clear();
          throw error;
        });
        const cleared = options.keep === true ? [] : await stage.clear();
        context.result({ demo: demo.name, asExpected, scenes }, () => {
          terminal.line();
          terminal.line(asExpected ? '✓ It went as it should.' : '✗ It did not go as it should.');
          terminal.line(terminal.dim(`  Outbox: ${api.url}/sandbox`));
          for (const workflowId of cleared) {
            terminal.line(
              terminal.dim(
                `  ${workflowId} is unpublished again: masar workflow publish ${workflowId}`,
              ),
            );
          }
        });
        ended(asExpected ? 0 : 1);
      }),
    'masar demo',
    'masar demo approval',
    'masar demo saga --json | jq .scenes[].outbox',
  );
}

function unknownDemo(name: string, demos: readonly Demo[]): OperatorError {
  const names = demos.map((demo) => demo.name);
  const close = nearest(name, names);
  return new OperatorError(
    'usage',
    `There is no demo "${name}".${close === undefined ? '' : ` Did you mean ${close}?`} There are ${names.join(', ')}.`,
  );
}
