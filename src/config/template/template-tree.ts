/** A Go template of the supported subset, as read. It holds no functions, so it can go to another thread. */
export type Template = readonly TemplateNode[];

export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: TemplatePipeline }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly pipeline: TemplatePipeline;
      readonly body: Template;
      readonly otherwise: Template;
    };

/** `$x := COMMAND | COMMAND`: the value of each command is the last argument of the next. */
export interface TemplatePipeline {
  /** `$x`, for range `$index, $element`; empty: none */
  readonly variables: readonly string[];
  /** `:=` makes them, `=` sets them */
  readonly isDeclaration: boolean;
  readonly commands: readonly TemplateCommand[];
}

/** A value, or a function or method with its arguments. */
export type TemplateCommand = readonly [TemplateOperand, ...TemplateOperand[]];

export type TemplateOperand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'function'; readonly name: string }
  /** what is looked at, from which fields are taken one after the other; no field: the thing itself */
  | { readonly kind: 'dot'; readonly fields: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly fields: readonly string[] }
  | { readonly kind: 'group'; readonly pipeline: TemplatePipeline; readonly fields: readonly string[] };

/** The fields of the data a template starts with. */
export const TEMPLATE_FIELDS = [
  'Name',
  'Zone',
  'Class',
  'Type',
  'Match',
  'Regex',
  'Group',
  'Message',
  'Question',
  'Remote',
  'Var',
  'Meta',
] as const;

export const TEMPLATE_FUNCTIONS = [
  'and',
  'eq',
  'ge',
  'gt',
  'index',
  'le',
  'len',
  'lt',
  'ne',
  'not',
  'or',
  'parseInt',
  'print',
  'printf',
  'println',
  'slice',
] as const;

/** A fault of a template, with the character it was found at, from 1. */
export class TemplateFault extends Error {
  constructor(at: number, message: string) {
    super(`${message} (at character ${at + 1})`);
    this.name = 'TemplateFault';
  }
}
