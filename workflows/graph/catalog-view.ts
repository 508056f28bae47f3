/**
 * What validation and planning know of connectors. The connectors' manifests have this shape; it
 * stands here so that nothing under workflows imports a connector.
 */
export interface InputSchema {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true }
    | { readonly success: false; readonly error: { readonly issues: readonly InputIssue[] } };
}

export interface InputIssue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Of a union: what each of its members found, with paths that start at the union's value. */
  readonly errors?: readonly (readonly InputIssue[])[] | undefined;
  readonly expected?: string | undefined;
  readonly origin?: string | undefined;
  readonly minimum?: number | bigint | undefined;
  readonly maximum?: number | bigint | undefined;
  readonly inclusive?: boolean | undefined;
  readonly values?: readonly unknown[] | undefined;
  readonly format?: string | undefined;
  readonly keys?: readonly string[] | undefined;
}

export interface OperationView {
  readonly name: string;
  readonly title: string;
  readonly input: InputSchema;
  readonly duration: 'short' | 'long';
  /** Default time limit of one attempt. */
  readonly timeoutMs: number;
  /** Config field with a duration that the attempt may take on top of `timeoutMs`. */
  readonly timeoutField?: string;
  /** Top-level config fields whose text is never rendered (program text). */
  readonly rawFields?: readonly string[];
  /** True: the operation gets all expression roots besides its config. */
  readonly receivesScope?: boolean;
}

export interface ConnectorView {
  readonly type: string;
  readonly title: string;
  readonly operations: readonly [OperationView, ...OperationView[]];
}

export type CatalogView = readonly ConnectorView[];
