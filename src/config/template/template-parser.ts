import { lexAction, splitTemplate, type TemplatePiece, type TemplateToken } from './template-lexer.ts';
import {
  TEMPLATE_FIELDS,
  TEMPLATE_FUNCTIONS,
  TemplateFault,
  type Template,
  type TemplateCommand,
  type TemplateNode,
  type TemplateOperand,
  type TemplatePipeline,
} from './template-tree.ts';

/** Longer and deeper ones are refused before they cost time or stack. */
export const TEMPLATE_LENGTH_MAX = 65_536;
const DEPTH_MAX = 50;

/**
 * Read a Go template: text, pipelines, variables, `if`, `with`, `range`, `else`, and the functions of TEMPLATE_FUNCTIONS.
 *
 * @param warn  told of a field that the data it starts with does not have (TEMPLATE_FIELDS): a fault when it is run
 * @throws TemplateFault
 */
export function parseTemplate(text: string, warn: (message: string) => void): Template {
  if (text.length > TEMPLATE_LENGTH_MAX) {
    throw new TemplateFault(TEMPLATE_LENGTH_MAX, `longer than ${TEMPLATE_LENGTH_MAX} characters`);
  }
  const reader = new TemplateReader(splitTemplate(text), warn);
  const { nodes, end } = reader.readNodes(['$'], true, 0);
  if (end !== undefined) throw new TemplateFault(end.at, `unexpected {{${end.text.trim()}}}: no block is open`);
  return nodes;
}

interface NodeList {
  readonly nodes: Template;
  /** the `end` or `else` the list ends with; undefined: the template's end */
  readonly end: TemplatePiece | undefined;
}

class TemplateReader {
  readonly #pieces: readonly TemplatePiece[];
  readonly #warn: (message: string) => void;
  #index = 0;

  constructor(pieces: readonly TemplatePiece[], warn: (message: string) => void) {
    this.#pieces = pieces;
    this.#warn = warn;
  }

  /**
   * @param variables  names that are known
   * @param isRoot     whether the dot is the data the template starts with
   */
  readNodes(variables: readonly string[], isRoot: boolean, depth: number): NodeList {
    const nodes: TemplateNode[] = [];
    const known = [...variables];
    while (this.#index < this.#pieces.length) {
      const piece = this.#pieces[this.#index++]!;
      if (!piece.isAction) {
        nodes.push({ kind: 'text', text: piece.text });
        continue;
      }
      const keyword = /^[ \t\r\n]*([a-z]*)/.exec(piece.text)![1]!;
      if (keyword === 'end' || keyword === 'else') return { nodes, end: piece };
      if (keyword === 'if' || keyword === 'with' || keyword === 'range') {
        nodes.push(this.#readBlock(keyword, piece, known, isRoot, depth));
        continue;
      }
      if (['define', 'template', 'block', 'break', 'continue'].includes(keyword)) {
        throw new TemplateFault(piece.at, `{{${keyword}}} is not supported, expected a value, if, with or range`);
      }
      const pipeline = new ActionReader(lexAction(piece.text, piece.at), known, isRoot, this.#warn).readWhole();
      if (pipeline.isDeclaration) known.push(...pipeline.variables);
      nodes.push({ kind: 'action', pipeline });
    }
    return { nodes, end: undefined };
  }

  #readBlock(
    kind: 'if' | 'with' | 'range',
    piece: TemplatePiece,
    variables: readonly string[],
    isRoot: boolean,
    depth: number,
  ): TemplateNode {
    if (depth === DEPTH_MAX) throw new TemplateFault(piece.at, `blocks are nested more than ${DEPTH_MAX} deep`);
    const keywordEnd = piece.text.indexOf(kind) + kind.length;
    const tokens = lexAction(piece.text.slice(keywordEnd), piece.at + keywordEnd);
    const pipeline = new ActionReader(tokens, variables, isRoot, this.#warn).readWhole(kind === 'range');
    const inner = pipeline.isDeclaration ? [...variables, ...pipeline.variables] : variables;
    const { nodes: body, end } = this.readNodes(inner, isRoot && kind === 'if', depth + 1);
    if (end === undefined) throw new TemplateFault(piece.at, `{{${kind}}} has no {{end}}`);
    const words = end.text.trim().split(/\s+/);
    if (words[0] === 'end') {
      if (words.length > 1) throw new TemplateFault(end.at, `unexpected '${words[1]}' behind end`);
      return { kind, pipeline, body, otherwise: [] };
    }
    const chained = words[1];
    if (chained !== undefined) {
      if (chained !== kind || kind === 'range') throw new TemplateFault(end.at, `unexpected '${chained}' behind else`);
      const elseEnd = end.text.indexOf('else') + 4;
      const nested = { isAction: true, text: end.text.slice(elseEnd), at: end.at + elseEnd };
      return { kind, pipeline, body, otherwise: [this.#readBlock(kind, nested, inner, isRoot, depth + 1)] };
    }
    const { nodes: otherwise, end: last } = this.readNodes(inner, isRoot, depth + 1);
    if (last?.text.trim() !== 'end') throw new TemplateFault((last ?? piece).at, `{{else}} has no {{end}}`);
    return { kind, pipeline, body, otherwise };
  }
}

class ActionReader {
  readonly #tokens: readonly TemplateToken[];
  readonly #variables: readonly string[];
  readonly #isRoot: boolean;
  readonly #warn: (message: string) => void;
  #index = 0;
  #depth = 0;

  constructor(
    tokens: readonly TemplateToken[],
    variables: readonly string[],
    isRoot: boolean,
    warn: (message: string) => void,
  ) {
    this.#warn = warn;
    this.#tokens = tokens;
    this.#variables = variables;
    this.#isRoot = isRoot;
  }

  readWhole(isRange = false): TemplatePipeline {
    const pipeline = this.#readPipeline(isRange);
    const rest = this.#peek();
    if (rest.kind !== 'end') throw this.#unexpected(rest);
    return pipeline;
  }

  #peek(ahead = 0): TemplateToken {
    return this.#tokens[Math.min(this.#index + ahead, this.#tokens.length - 1)]!;
  }

  #isSign(text: string, ahead = 0): boolean {
    const token = this.#peek(ahead);
    return token.kind === 'sign' && token.text === text;
  }

  #unexpected(token: TemplateToken): TemplateFault {
    if (token.kind === 'end') return new TemplateFault(token.at, 'missing value for command');
    return new TemplateFault(token.at, `unexpected ${'text' in token ? `'${token.text}'` : `a ${token.kind}`}`);
  }

  #readPipeline(isRange: boolean): TemplatePipeline {
    if (++this.#depth > DEPTH_MAX) throw new TemplateFault(this.#peek().at, `nested more than ${DEPTH_MAX} deep`);
    const { variables, isDeclaration } = this.#readVariables(isRange);
    const commands: TemplateCommand[] = [this.#readCommand()];
    while (this.#isSign('|')) {
      this.#index++;
      const { at } = this.#peek();
      const command = this.#readCommand();
      if (command[0].kind === 'literal') throw new TemplateFault(at, 'a value cannot take what is piped into it');
      commands.push(command);
    }
    this.#depth--;
    return { variables, isDeclaration, commands };
  }

  /** `$x :=`, `$x =`, and in a range `$i, $x :=`. */
  #readVariables(isRange: boolean): { readonly variables: readonly string[]; readonly isDeclaration: boolean } {
    const names: string[] = [];
    let ahead = 0;
    for (let token = this.#peek(); token.kind === 'variable'; token = this.#peek(ahead)) {
      names.push(token.text);
      ahead++;
      if (!isRange || names.length === 2 || !this.#isSign(',', ahead)) break;
      ahead++;
    }
    const isDeclaration = this.#isSign(':=', ahead);
    if (names.length === 0 || (!isDeclaration && !this.#isSign('=', ahead)))
      return { variables: [], isDeclaration: false };
    if (!isDeclaration) for (const name of names) this.#checkVariable(name, this.#peek().at);
    this.#index += ahead + 1;
    return { variables: names, isDeclaration };
  }

  #checkVariable(name: string, at: number): void {
    if (!this.#variables.includes(name)) throw new TemplateFault(at, `undefined variable ${name}`);
  }

  #readCommand(): TemplateCommand {
    const first = this.#readOperand();
    const more: TemplateOperand[] = [];
    for (let token = this.#peek(); token.kind !== 'end' && !this.#isEndOfCommand(token); token = this.#peek()) {
      if (first.kind === 'literal') throw new TemplateFault(token.at, 'a value cannot take arguments');
      more.push(this.#readOperand());
    }
    return [first, ...more];
  }

  #isEndOfCommand(token: TemplateToken): boolean {
    return token.kind === 'sign' && (token.text === '|' || token.text === ')');
  }

  #readOperand(): TemplateOperand {
    const token = this.#peek();
    if (token.kind === 'end') throw this.#unexpected(token);
    this.#index++;
    switch (token.kind) {
      case 'string':
      case 'number':
        return { kind: 'literal', value: token.value };
      case 'variable':
        this.#checkVariable(token.text, token.at);
        return { kind: 'variable', name: token.text, fields: this.#readFields(token.text === '$', token.at) };
      case 'field': {
        this.#index--;
        return { kind: 'dot', fields: this.#readFields(this.#isRoot, token.at, true) };
      }
      case 'word':
        return this.#readWord(token.text, token.at);
      case 'sign':
        if (token.text === '.') return { kind: 'dot', fields: [] };
        if (token.text !== '(') throw this.#unexpected(token);
        return this.#readGroup();
    }
  }

  #readGroup(): TemplateOperand {
    const pipeline = this.#readPipeline(false);
    if (!this.#isSign(')')) throw new TemplateFault(this.#peek().at, "unclosed left paren, expected ')'");
    this.#index++;
    return { kind: 'group', pipeline, fields: this.#readFields(false, this.#peek().at) };
  }

  /** `.A.B` without a space between. */
  #readFields(isRoot: boolean, at: number, isFirstFree = false): readonly string[] {
    const fields: string[] = [];
    for (let token = this.#peek(); token.kind === 'field'; token = this.#peek()) {
      if (token.isAfterSpace && !(isFirstFree && fields.length === 0)) break;
      fields.push(token.text.slice(1));
      this.#index++;
    }
    const [first] = fields;
    if (isRoot && first !== undefined && !TEMPLATE_FIELDS.some((field) => field === first)) {
      const known = TEMPLATE_FIELDS.map((field) => `.${field}`).join(', ');
      this.#warn(`there is no field .${first} at character ${at + 1}, expected one of ${known}`);
    }
    return fields;
  }

  #readWord(text: string, at: number): TemplateOperand {
    if (text === 'true' || text === 'false') return { kind: 'literal', value: text === 'true' };
    if (text === 'nil') return { kind: 'literal', value: null };
    if (TEMPLATE_FUNCTIONS.some((name) => name === text)) return { kind: 'function', name: text };
    throw new TemplateFault(at, `function "${text}" not defined, expected one of ${TEMPLATE_FUNCTIONS.join(', ')}`);
  }
}
