/** `masar doctor`. */

import type { Command } from 'commander';
import type { NamedFinding } from '../doctor/check.ts';
import type { Terminal } from '../terminal.ts';
import { contextOf, type Ended, examples, globalOptionsOf } from './command.ts';

const SIGNS = { ok: '✓', warning: '!', failed: '✗', skipped: '–' } as const;

export function addDoctorCommand(program: Command, ended: Ended): void {
  examples(
    program
      .command('doctor')
      .description('look at everything that Masar needs; ends with 1 if something is wrong')
      .action(async (_options: unknown, command: Command) => {
        const context = contextOf(command);
        const { terminal, environment } = context;
        const { examine } = await import('../doctor/doctor.ts');
        const findings = await examine({
          options: globalOptionsOf(command),
          environment,
          onFinding: (finding) => show(terminal, finding),
        });
        const wrong = findings.filter(({ status }) => status === 'failed').length;
        context.result({ healthy: wrong === 0, findings }, () => {
          terminal.line();
          terminal.line(
            wrong === 0
              ? '✓ All is well.'
              : `✗ ${wrong === 1 ? '1 thing is' : `${wrong} things are`} wrong.`,
          );
        });
        ended(wrong === 0 ? 0 : 1);
      }),
    'masar doctor',
    'masar doctor --url https://masar.example.com --api-key masar_…',
  );
}

function show(terminal: Terminal, { name, status, message, advice }: NamedFinding): void {
  terminal.line(`${SIGNS[status]} ${name.padEnd(18)} ${message}`);
  if (advice !== undefined) terminal.line(`${' '.repeat(21)}→ ${advice}`);
}
