/** docs/cli.md, made from the commands themselves, so that it can't say anything else than --help. */

import type { Command } from 'commander';
import { examplesOf } from './commands/command.ts';
import { DEMOS } from './demos/demos.ts';
import { createProgram, EXIT_CODES } from './program.ts';

export function commandLinePage(): string {
  const program = createProgram(() => undefined);
  const commands = leaves(program);
  return `${[
    INTRO,
    list(commands),
    HOW_IT_FINDS,
    `## Exit codes\n\n${table(
      ['code', 'meaning'],
      EXIT_CODES.map(([code, meaning]) => [String(code), meaning]),
    )}`,
    OUTPUT,
    `## Options of every command\n\n${options(program)}`,
    ...commands.map(section),
    `## Examples\n\nPlayed by \`masar demo <name>\`, each a file in [examples](../examples).\n\n${table(
      ['demo', 'shows', 'files'],
      DEMOS.map(({ name, shows, files }) => [
        `\`${name}\``,
        shows,
        files.map((file) => `[${file}](../examples/${file})`).join(', '),
      ]),
    )}`,
  ].join('\n\n')}\n`;
}

const INTRO = `# The command line

<!-- Made by "node cli/drift.ts --write" from the commands; edit cli/command-line-docs.ts. -->

\`masar\` starts Masar, looks after it, and does through the API what a person would do. In a clone, after \`npm ci\`:

\`\`\`sh
npx masar <command>            # or: npm run masar -- <command>
npm link                       # once, for plain "masar" from any folder
\`\`\`

It needs Node 20 or later on the PATH and runs itself on the Node 24 that \`npm ci\` brings. In the container image it is the entry point; beside a running role: \`docker compose exec api node cli/masar.mjs doctor\`. \`npm start\` is \`masar up\`. \`masar --help\`, and \`--help\` after any command, say what this page says.`;

const HOW_IT_FINDS = `## Which Masar

\`workflow\`, \`execution\` and \`demo\` talk to an API; \`apikey\`, \`migrate\` and \`doctor\` to the data folder and the database.

- **Address**: \`--url\`, else \`MASAR_URL\`, else the Masar that \`masar up\` runs on the data folder (\`MASAR_DATA\`, \`.masar\`), else \`HOST\` and \`PORT\`.
- **API key**: \`--api-key\`, else \`MASAR_API_KEY\`, else the one in the data folder, which is sent to this machine alone.
- **Database** of \`apikey\`: \`DATABASE_URL\`, else that of the data folder, which is started for the moment where nothing runs.

Settings come from the environment and from \`.env\` in the folder where the command runs; \`.env.example\` explains each.`;

const OUTPUT = `## Output

On a terminal, progress replaces itself; in a pipe there are only lines that stay, without colours. \`NO_COLOR\` takes colours away on a terminal too. Results go to stdout, problems to stderr.

With \`--json\` stdout has one JSON value: what the API answers, or the fields that the command shows. \`execution watch\` and \`up\` write one JSON value a line, as things happen; \`api\`, \`worker\` and \`emulators\` log JSON lines always. An error is \`{"error": "<stable code>", "message": "…"}\` on stderr, with \`status\` and \`issues\` where the API refused.`;

/** Commands that do something, in the order of the help. */
function leaves(command: Command): Command[] {
  return command.commands.flatMap((child) =>
    child.commands.length === 0 ? [child] : leaves(child),
  );
}

function fullName(command: Command): string {
  const { parent } = command;
  return parent === null ? command.name() : `${fullName(parent)} ${command.name()}`;
}

function list(commands: readonly Command[]): string {
  return table(
    ['command', 'does'],
    commands.map((command) => {
      const name = fullName(command);
      return [`[\`${name}\`](#${name.replaceAll(' ', '-')})`, command.description()];
    }),
  );
}

function section(command: Command): string {
  const args = command.registeredArguments.filter(({ description }) => description !== '');
  const parts = [
    `## ${fullName(command)}`,
    `\`${fullName(command)} ${command.usage()}\``,
    `${sentence(command.description())}`,
    ...(args.length === 0
      ? []
      : [
          table(
            ['argument', ''],
            args.map((it) => [`\`${it.name()}\``, it.description]),
          ),
        ]),
    ...(command.options.length === 0 ? [] : [options(command)]),
    `\`\`\`sh\n${examplesOf(command).join('\n')}\n\`\`\``,
  ];
  return parts.join('\n\n');
}

function options(command: Command): string {
  const help = command.createHelp();
  return table(
    ['option', ''],
    command.options.map((option) => [`\`${option.flags}\``, help.optionDescription(option)]),
  );
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll(/<(?=[a-z])/g, '&lt;')).join(' | ')} |`
      // Inside code, entities would be shown as they are written.
      .replaceAll(/`[^`]*`/g, (code) => code.replaceAll('&lt;', '<'));
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}
