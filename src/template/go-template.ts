/** Evaluates a Go template that was read before: the semantics of text/template for the supported subset. */
import type {
  Template,
  TemplateCommand,
  TemplateNode,
  TemplateOperand,
  TemplatePipeline,
} from '../config/template/template-tree.ts';
import { formatValue, sortedEntries } from './go-format.ts';
import { FUNCTIONS } from './go-functions.ts';
import { GoStruct, GoTemplateError, isList, isTrue, NO_VALUE, typeOf, type GoMap, type GoValue } from './go-value.ts';

/** A record's text cannot be of use beyond this, octets. */
const OUTPUT_SIZE_MAX = 262_144;
/** Nodes and operands looked at for one text: `range 1000000000` is a template too. */
const STEPS_MAX = 100_000;

/**
 * @param data  what the dot is at the start
 * @throws GoTemplateError
 */
export function executeTemplate(template: Template, data: GoStruct): string {
  const run = new TemplateRun(data);
  run.walk(template, data);
  return run.output;
}

interface Variable {
  readonly name: string;
  value: GoValue;
}

/** Nothing comes through the pipe; nil may. */
const NOTHING = Symbol('nothing');
type Piped = GoValue | typeof NOTHING;

class TemplateRun {
  output = '';
  readonly #variables: Variable[];
  #stepsLeft = STEPS_MAX;

  constructor(data: GoStruct) {
    this.#variables = [{ name: '$', value: data }];
  }

  walk(nodes: readonly TemplateNode[], dot: GoValue): void {
    for (const node of nodes) {
      this.#countStep();
      switch (node.kind) {
        case 'text':
          this.#write(node.text);
          break;
        case 'action': {
          const value = this.#pipeline(node.pipeline, dot);
          if (node.pipeline.variables.length === 0) this.#write(printed(value));
          break;
        }
        default:
          this.#walkBlock(node, dot);
      }
    }
  }

  /** What a block declares is gone behind it. */
  #walkBlock(node: Extract<TemplateNode, { readonly body: Template }>, dot: GoValue): void {
    const mark = this.#variables.length;
    if (node.kind === 'range') this.#walkRange(node, dot);
    else {
      const value = this.#pipeline(node.pipeline, dot);
      if (isTrue(value)) this.walk(node.body, node.kind === 'with' ? value : dot);
      else this.walk(node.otherwise, dot);
    }
    this.#variables.length = mark;
  }

  #walkRange(node: Extract<TemplateNode, { readonly body: Template }>, dot: GoValue): void {
    const { pipeline } = node;
    // The variables are those of each turn.
    const elements = elementsOf(this.#pipeline({ ...pipeline, variables: [] }, dot));
    const mark = this.#variables.length;
    let isEmpty = true;
    for (const [index, element] of elements) {
      isEmpty = false;
      this.#countStep();
      const [first, second] = pipeline.variables;
      const values: readonly GoValue[] = second === undefined ? [element] : [index, element];
      for (const [at, name] of [first, second].entries()) {
        if (name !== undefined) this.#assign(name, values[at]!, pipeline.isDeclaration);
      }
      this.walk(node.body, element);
      this.#variables.length = mark;
    }
    if (isEmpty) this.walk(node.otherwise, dot);
  }

  #write(text: string): void {
    this.output += text;
    if (this.output.length > OUTPUT_SIZE_MAX) throw new GoTemplateError('the text becomes too long');
  }

  #countStep(): void {
    if (--this.#stepsLeft < 0) throw new GoTemplateError('the template does too much');
  }

  #assign(name: string, value: GoValue, isDeclaration: boolean): void {
    if (isDeclaration) {
      this.#variables.push({ name, value });
      return;
    }
    this.#variable(name).value = value;
  }

  #variable(name: string): Variable {
    const found = this.#variables.findLast((variable) => variable.name === name);
    if (found === undefined) throw new GoTemplateError(`undefined variable: ${name}`);
    return found;
  }

  #pipeline(pipeline: TemplatePipeline, dot: GoValue): GoValue {
    let piped: Piped = NOTHING;
    for (const command of pipeline.commands) piped = this.#command(command, dot, piped);
    const value = piped as GoValue;
    for (const name of pipeline.variables) this.#assign(name, value, pipeline.isDeclaration);
    return value;
  }

  #command([first, ...more]: TemplateCommand, dot: GoValue, piped: Piped): GoValue {
    this.#countStep();
    if (first.kind === 'function') return this.#call(first.name, more, dot, piped);
    const { base, fields } = this.#baseOf(first, dot);
    if (fields.length === 0) {
      if (first.kind === 'literal' && first.value === null) throw new GoTemplateError('nil is not a command');
      if (more.length > 0 || piped !== NOTHING) throw new GoTemplateError("can't give argument to non-function");
      return base;
    }
    return this.#fields(base, fields, more, dot, piped);
  }

  /** The value of an operand that is an argument. */
  #operand(operand: TemplateOperand, dot: GoValue): GoValue {
    this.#countStep();
    if (operand.kind === 'function') return this.#call(operand.name, [], dot, NOTHING);
    const { base, fields } = this.#baseOf(operand, dot);
    const value = this.#fields(base, fields, [], dot, NOTHING);
    return value === NO_VALUE ? null : value;
  }

  #baseOf(
    operand: Exclude<TemplateOperand, { readonly kind: 'function' }>,
    dot: GoValue,
  ): { readonly base: GoValue; readonly fields: readonly string[] } {
    switch (operand.kind) {
      case 'literal':
        return { base: literalValue(operand.value), fields: [] };
      case 'dot':
        return { base: dot, fields: operand.fields };
      case 'variable':
        return { base: this.#variable(operand.name).value, fields: operand.fields };
      case 'group':
        return { base: this.#pipeline(operand.pipeline, dot), fields: operand.fields };
    }
  }

  /** Arguments are for the last one. */
  #fields(
    base: GoValue,
    fields: readonly string[],
    operands: readonly TemplateOperand[],
    dot: GoValue,
    piped: Piped,
  ): GoValue {
    let value = base;
    for (const [index, name] of fields.entries()) {
      const isLast = index === fields.length - 1;
      value = this.#field(value, name, isLast ? operands : [], dot, isLast ? piped : NOTHING);
    }
    return value;
  }

  #field(receiver: GoValue, name: string, operands: readonly TemplateOperand[], dot: GoValue, piped: Piped): GoValue {
    if (receiver === NO_VALUE) return NO_VALUE;
    const hasArguments = operands.length > 0 || piped !== NOTHING;
    if (receiver instanceof GoStruct) {
      const method = receiver.methods.get(name);
      if (method !== undefined) return method(...this.#arguments(operands, dot, piped));
      const value = receiver.fields.get(name);
      if (value !== undefined) {
        if (!hasArguments) return value;
        throw new GoTemplateError(`${name} has arguments but cannot be invoked as function`);
      }
    } else if (receiver instanceof Map) {
      if (hasArguments) throw new GoTemplateError(`${name} is not a method but has arguments`);
      return (receiver as GoMap).get(name) ?? NO_VALUE;
    }
    if (receiver === null) throw new GoTemplateError(`nil pointer evaluating ${name}`);
    throw new GoTemplateError(`can't evaluate field ${name} in type ${typeOf(receiver)}`);
  }

  #arguments(operands: readonly TemplateOperand[], dot: GoValue, piped: Piped): GoValue[] {
    const values = operands.map((operand) => this.#operand(operand, dot));
    if (piped !== NOTHING) values.push(piped === NO_VALUE ? null : piped);
    return values;
  }

  #call(name: string, operands: readonly TemplateOperand[], dot: GoValue, piped: Piped): GoValue {
    if (name === 'and' || name === 'or') return this.#decide(name === 'or', operands, dot, piped);
    const called = FUNCTIONS[name];
    if (called === undefined) throw new GoTemplateError(`"${name}" is not a defined function`);
    return called(this.#arguments(operands, dot, piped));
  }

  /** The first argument that decides, or the last: those behind it are not looked at. */
  #decide(wanted: boolean, operands: readonly TemplateOperand[], dot: GoValue, piped: Piped): GoValue {
    if (operands.length === 0 && piped === NOTHING) throw new GoTemplateError('wrong number of args for and, or');
    let value: GoValue = null;
    for (const operand of operands) {
      value = this.#operand(operand, dot);
      if (isTrue(value) === wanted) return value;
    }
    return piped === NOTHING ? value : piped;
  }
}

function printed(value: GoValue): string {
  return value === NO_VALUE || value === null ? '<no value>' : formatValue(value);
}

function literalValue(value: string | number | boolean | null): GoValue {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
}

function* elementsOf(value: GoValue): Generator<[GoValue, GoValue]> {
  if (value === null || value === NO_VALUE) return;
  if (typeof value === 'bigint') {
    for (let index = 0n; index < value; index++) yield [index, index];
  } else if (isList(value)) {
    for (const [index, element] of value.entries()) yield [BigInt(index), element];
  } else if (value instanceof Map) {
    yield* sortedEntries(value as GoMap);
  } else {
    throw new GoTemplateError(`range can't iterate over ${formatValue(value)}`);
  }
}
