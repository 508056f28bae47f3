/** What a new connector's files say, and where it is registered. Pure. */

/** The name in the forms in which code spells it. */
export interface CaseForms {
  /** `my-crm`: the node's type and the folder. */
  readonly kebab: string;
  /** `myCrm` */
  readonly camel: string;
  /** `MyCrm` */
  readonly pascal: string;
  /** `My crm`: for people. */
  readonly title: string;
}

export function caseForms(kebab: string): CaseForms {
  const words = kebab.split('-');
  const pascal = words.map(capitalized).join('');
  return {
    kebab,
    pascal,
    camel: pascal.charAt(0).toLowerCase() + pascal.slice(1),
    title: capitalized(words.join(' ')),
  };
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param text a file of scripts/connector-template/, whose connector is called Acme */
export function fromTemplate(text: string, { kebab, camel, pascal, title }: CaseForms): string {
  return (
    text
      .replaceAll("'../../connectors/", "'../")
      // As a part of an identifier, then as a word.
      .replace(/\bacme(?=[A-Z])/g, camel)
      .replace(/Acme(?=[A-Z])|(?<=[a-z])Acme/g, pascal)
      .replace(/\bacme\b/g, kebab)
      .replace(/\bAcme\b/g, title)
  );
}

export interface Registration {
  /** From the project's root. */
  readonly path: string;
  /** @throws Error if the file isn't of the form that is known */
  readonly change: (text: string) => string;
}

/** Where a connector is made known. */
export function registrations({ kebab, camel, pascal }: CaseForms): readonly Registration[] {
  const at = (path: string, ...changes: readonly ((text: string) => string)[]): Registration => ({
    path,
    change: (text) =>
      changes.reduce((changed, change) => {
        const next = change(changed);
        if (next !== changed) return next;
        throw new Error(
          `${path} isn’t of the form that this script knows. Register the connector there by hand, as its neighbours are, and mend scripts/connector-files.ts.`,
        );
      }, text),
  });
  const imports = (line: string) => (text: string) =>
    text.replace(/^import /m, () => `${line}\nimport `);
  const before = (pattern: RegExp, line: string) => (text: string) =>
    text.replace(pattern, (found) => line + found);
  return [
    at(
      'connectors/catalog.ts',
      imports(`import { ${camel}Manifest } from './${kebab}/manifest.ts';`),
      before(/^\];$/m, `  ${camel}Manifest,\n`),
    ),
    at(
      'connectors/operations.ts',
      imports(`import { create${pascal}Operations } from './${kebab}/execute.ts';`),
      before(
        /^ {2}return \{\n {4}byType:/m,
        `  const ${camel} = create${pascal}Operations({ outbound: deps.outbound });\n`,
      ),
      before(
        /(?<=byType: new Map[\s\S]*?)^ {4}\]\),$/m,
        `      ['${kebab}.send', ${camel}.send],\n`,
      ),
      before(
        /(?<=close: async [\s\S]*?Promise\.all\(\[[\s\S]*?)^ {6}\]\);$/m,
        `        ${camel}.close(),\n`,
      ),
    ),
    at(
      'workers/emulators.ts',
      imports(`import { start${pascal}Emulator } from '../connectors/${kebab}/emulator.ts';`),
      before(
        /(?<=const emulators[\s\S]*?)^ {2}\]\);$/m,
        `    start${pascal}Emulator(at(undefined)),\n`,
      ),
    ),
  ];
}
