import { BUILTIN_FUNCTIONS, overloads } from './expr-builtins.ts';
import {
  isArrayType,
  isMapType,
  isNumberType,
  listOf,
  LIST_OF_ANYTHING,
  MAP_OF_TEXT_KEYS,
  nameOfType,
} from './expr-type-names.ts';
import { checkRegex } from '../regex.ts';
import {
  ExprFault,
  type BinaryOperator,
  type Expr,
  type ExprLoop,
  type ExprScope,
  type ExprType,
} from './expr-tree.ts';

/**
 * The type of an expression, every part of it checked as the compiler of the expr language does.
 *
 * @param places  where nodes begin, for faults
 * @throws ExprFault for a type that cannot be, a wrong number of arguments, or a bad pattern
 */
export function typeOfExpr(expr: Expr, scope: ExprScope, places: ReadonlyMap<Expr, number>): ExprType {
  return new TypeCheck(scope, places).typeOf(expr);
}

/** What `#`, `#index` and `#acc` are in a predicate. */
interface LoopTypes {
  readonly item: ExprType;
  readonly index: ExprType | undefined;
  readonly acc: ExprType | undefined;
}

class TypeCheck {
  readonly #scope: ExprScope;
  readonly #places: ReadonlyMap<Expr, number>;
  readonly #locals: { readonly name: string; readonly type: ExprType }[] = [];
  readonly #loops: LoopTypes[] = [];

  constructor(scope: ExprScope, places: ReadonlyMap<Expr, number>) {
    this.#scope = scope;
    this.#places = places;
  }

  #fault(expr: Expr, message: string): ExprFault {
    return new ExprFault(this.#places.get(expr) ?? 0, message);
  }

  typeOf(expr: Expr): ExprType {
    switch (expr.kind) {
      case 'literal':
        return typeOfLiteral(expr);
      case 'integer':
        return 'int';
      case 'variable':
        return this.#typeOfVariable(expr.name);
      case 'array':
        return this.#typeOfArray(expr.items);
      case 'map':
        for (const { key, value } of expr.pairs) for (const part of [key, value]) this.typeOf(part);
        return MAP_OF_TEXT_KEYS;
      case 'call':
        return this.#typeOfCall(expr);
      case 'loop':
        return this.#typeOfLoop(expr);
      case 'pointer':
        return this.#typeOfPointer(expr);
      case 'member':
        return this.#typeOfMember(expr);
      case 'chain':
        return this.typeOf(expr.of);
      case 'slice':
        return this.#typeOfSlice(expr);
      case 'unary':
        return this.#typeOfUnary(expr);
      case 'binary':
        return this.#typeOfBinary(expr);
      case 'comparison':
        return this.#typeOfComparison(expr);
      case 'conditional': {
        const test = this.typeOf(expr.test);
        if (!isBool(test)) throw this.#fault(expr.test, `condition of type ${nameOfType(test)}, expected bool`);
        return typeOfEither(this.typeOf(expr.whenTrue), this.typeOf(expr.whenFalse));
      }
      case 'let': {
        const type = this.typeOf(expr.value);
        this.#locals.push({ name: expr.name, type });
        const result = this.typeOf(expr.body);
        this.#locals.pop();
        return result;
      }
      case 'sequence': {
        let last: ExprType = 'nil';
        for (const item of expr.items) last = this.typeOf(item);
        return last;
      }
    }
  }

  #typeOfVariable(name: string): ExprType {
    const local = this.#locals.findLast((variable) => variable.name === name);
    return local?.type ?? this.#scope.variables[name] ?? 'unknown';
  }

  /** Of what its items are, where all are of one kind. */
  #typeOfArray(items: readonly Expr[]): ExprType {
    const types = items.map((item) => this.typeOf(item));
    const [first] = types;
    if (first === undefined) return LIST_OF_ANYTHING;
    return types.every((type) => kindOf(type) === kindOf(first)) ? listOf(types.at(-1)!) : LIST_OF_ANYTHING;
  }

  #typeOfCall(expr: Extract<Expr, { readonly kind: 'call' }>): ExprType {
    const { name } = expr;
    const types = expr.arguments.map((argument) => this.typeOf(argument));
    const known = Object.hasOwn(this.#scope.functions, name) ? this.#scope.functions[name] : undefined;
    const signature = known === undefined ? BUILTIN_FUNCTIONS[name]! : overloads([known.parameters, known.result]);
    const result = signature(types);
    if (typeof result === 'object' && 'fault' in result) throw this.#fault(expr, `${name} ${result.fault}`);
    return result;
  }

  #typeOfLoop(expr: ExprLoop): ExprType {
    const { name, body, argument } = expr;
    const list = this.typeOf(expr.list);
    if (list !== 'unknown' && !isArrayType(list)) {
      throw this.#fault(expr.list, `${name} takes an array, found ${nameOfType(list)}`);
    }
    const item = list === 'unknown' ? 'unknown' : list.items;
    const found = body === null ? item : this.#typeOfBody(expr, body, item);
    const order = argument === null ? 'string' : this.typeOf(argument);
    if (name === 'sortBy' && order !== 'string' && order !== 'unknown') {
      throw this.#fault(argument!, `the order of sortBy is of type ${nameOfType(order)}, expected string`);
    }
    switch (name) {
      case 'all':
      case 'none':
      case 'any':
      case 'one':
        return 'bool';
      case 'count':
      case 'findIndex':
      case 'findLastIndex':
        return 'int';
      case 'filter':
        return listOf(item);
      case 'map':
        return listOf(found);
      case 'sum':
      case 'reduce':
        return found;
      case 'find':
      case 'findLast':
        return item;
      case 'groupBy':
        return { keys: 'unknown', values: listOf(item) };
      case 'sortBy':
        return list;
    }
  }

  #typeOfBody({ name }: ExprLoop, body: Expr, item: ExprType): ExprType {
    const isReduce = name === 'reduce';
    this.#loops.push({
      item,
      index: isReduce || name === 'map' ? 'int' : undefined,
      acc: isReduce ? 'unknown' : undefined,
    });
    const found = this.typeOf(body);
    this.#loops.pop();
    if (found === 'nil') throw this.#fault(body, `the predicate of ${name} is nil`);
    if (PREDICATE_LOOPS.has(name) && !isBool(found)) {
      throw this.#fault(body, `the predicate of ${name} is of type ${nameOfType(found)}, expected bool`);
    }
    return found;
  }

  #typeOfPointer(expr: Extract<Expr, { readonly kind: 'pointer' }>): ExprType {
    const loop = this.#loops.at(-1);
    const type = expr.name === '' ? loop?.item : expr.name === 'index' ? loop?.index : loop?.acc;
    if (type === undefined) throw this.#fault(expr, `unknown pointer #${expr.name}: this function has none`);
    return type;
  }

  #typeOfMember(expr: Extract<Expr, { readonly kind: 'member' }>): ExprType {
    const [of, key] = [this.typeOf(expr.of), this.typeOf(expr.property)];
    if (of === 'unknown') return 'unknown';
    const { property } = expr;
    if (isMapType(of)) {
      if (of.keys === 'string' && key !== 'string' && key !== 'unknown') {
        throw this.#fault(property, `the keys of the map are of type string, found ${nameOfType(key)}`);
      }
      return of.values;
    }
    if (isArrayType(of)) {
      if (key !== 'int' && key !== 'unknown') {
        throw this.#fault(property, `items of an array are chosen by an int, found ${nameOfType(key)}`);
      }
      return of.items;
    }
    const what =
      property.kind === 'literal' && typeof property.value === 'string' ? `field ${property.value}` : 'items';
    throw this.#fault(property, `a value of type ${nameOfType(of)} has no ${what}`);
  }

  #typeOfSlice(expr: Extract<Expr, { readonly kind: 'slice' }>): ExprType {
    const of = this.typeOf(expr.of);
    if (of === 'unknown') return 'unknown';
    if (of !== 'string' && !isArrayType(of)) throw this.#fault(expr, `cannot slice a value of type ${nameOfType(of)}`);
    for (const bound of [expr.from, expr.to]) {
      const type = bound === null ? 'int' : this.typeOf(bound);
      if (type !== 'int' && type !== 'unknown') {
        throw this.#fault(bound!, `bound of a slice of type ${nameOfType(type)}, expected int`);
      }
    }
    return of;
  }

  #typeOfUnary(expr: Extract<Expr, { readonly kind: 'unary' }>): ExprType {
    const { operator } = expr;
    const found = this.typeOf(expr.operand);
    if (operator === 'not') {
      if (!isBool(found)) throw this.#fault(expr, `not of type ${nameOfType(found)}, expected bool`);
      return 'bool';
    }
    if (!isNumber(found)) throw this.#fault(expr, `${operator} of type ${nameOfType(found)}, expected a number`);
    return found;
  }

  #typeOfBinary(expr: Extract<Expr, { readonly kind: 'binary' }>): ExprType {
    const { operator } = expr;
    const [left, right] = [this.typeOf(expr.left), this.typeOf(expr.right)];
    const type = typeOfOperator(operator, left, right);
    if (type === undefined) {
      throw this.#fault(expr, `operator ${operator} between ${nameOfType(left)} and ${nameOfType(right)} cannot be`);
    }
    if (operator === 'matches') this.#checkPattern(expr.right);
    if (operator === '%' && isLiteralInt(expr.left) && isLiteralInt(expr.right) && expr.right.value === 0) {
      throw this.#fault(expr, 'integer divide by zero');
    }
    if (operator === 'in' && isArrayType(right) && !isComparable(left, right.items)) {
      throw this.#fault(
        expr,
        `a value of type ${nameOfType(left)} is looked for in a list of type ${nameOfType(right.items)}`,
      );
    }
    return type;
  }

  #typeOfComparison(expr: Extract<Expr, { readonly kind: 'comparison' }>): ExprType {
    const types = expr.operands.map((operand) => this.typeOf(operand));
    for (const [index, operator] of expr.operators.entries()) {
      const [left, right] = [types[index]!, types[index + 1]!];
      if (typeOfOperator(operator, left, right) !== undefined) continue;
      throw this.#fault(expr, `operator ${operator} between ${nameOfType(left)} and ${nameOfType(right)} cannot be`);
    }
    return 'bool';
  }

  #checkPattern(pattern: Expr): void {
    if (pattern.kind !== 'literal' || typeof pattern.value !== 'string') return;
    const checked = checkRegex(pattern.value);
    if (typeof checked === 'string') throw this.#fault(pattern, checked);
  }
}

/** Functions whose predicate says yes or no. */
const PREDICATE_LOOPS: ReadonlySet<string> = new Set([
  'all',
  'none',
  'any',
  'one',
  'filter',
  'count',
  'find',
  'findIndex',
  'findLast',
  'findLastIndex',
]);

function isLiteralInt(expr: Expr): expr is Extract<Expr, { readonly kind: 'literal' }> {
  return expr.kind === 'literal' && typeof expr.value === 'number' && expr.isFloat !== true;
}

function typeOfLiteral({ value, isFloat }: Extract<Expr, { readonly kind: 'literal' }>): ExprType {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (value === null) return 'nil';
  return isFloat === true ? 'float' : 'int';
}

/** All arrays are of one kind, all maps of another one. */
function kindOf(type: ExprType): string {
  return typeof type === 'string' ? type : isArrayType(type) ? 'array' : 'map';
}

/** undefined: the operator cannot stand between the two */
function typeOfOperator(operator: BinaryOperator, left: ExprType, right: ExprType): ExprType | undefined {
  switch (operator) {
    case 'and':
    case 'or':
      return isBool(left) && isBool(right) ? 'bool' : undefined;
    case '==':
    case '!=':
      return isComparable(left, right) ? 'bool' : undefined;
    case '<':
    case '<=':
    case '>':
    case '>=':
      return (isNumber(left) && isNumber(right)) || (isString(left) && isString(right)) ? 'bool' : undefined;
    case 'in':
      return canHold(left, right) ? 'bool' : undefined;
    case 'matches':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return isString(left) && isString(right) ? 'bool' : undefined;
    case '..':
      return isInt(left) && isInt(right) ? listOf('int') : undefined;
    case '+':
      if (left === 'unknown' || right === 'unknown') {
        const known = left === 'unknown' ? right : left;
        return isNumber(known) || isString(known) ? 'unknown' : undefined;
      }
      if (left === 'string' && right === 'string') return 'string';
      return isNumber(left) && isNumber(right) ? numberType(left, right) : undefined;
    case '%':
      return isInt(left) && isInt(right) ? 'int' : undefined;
    case '/':
    case '**':
      return isNumber(left) && isNumber(right) ? 'float' : undefined;
    case '-':
    case '*':
      return isNumber(left) && isNumber(right) ? numberType(left, right) : undefined;
    case '??':
      if (left === 'nil') return right;
      return right === 'nil' || (left !== 'unknown' && isSame(right, left)) ? left : 'unknown';
  }
}

function canHold(needle: ExprType, holder: ExprType): boolean {
  if (holder === 'unknown' || isArrayType(holder)) return true;
  if (isMapType(holder)) return holder.keys === 'unknown' || needle === 'string' || needle === 'unknown';
  return needle === 'unknown' && holder === 'string';
}

/** Of two values of which one is taken. */
function typeOfEither(a: ExprType, b: ExprType): ExprType {
  if (a === 'nil') return b;
  if (b === 'nil') return a;
  if (!isSame(a, b)) return 'unknown';
  if (isArrayType(a) && isArrayType(b) && !isSame(a.items, b.items)) return LIST_OF_ANYTHING;
  return a;
}

/** Whether Go would take one for the other. */
function isSame(a: ExprType, b: ExprType): boolean {
  if (isArrayType(a)) return isArrayType(b) && a.isTexts === b.isTexts;
  if (isMapType(a)) return isMapType(b) && a.keys === b.keys;
  return a === b && a !== 'unknown';
}

function numberType(left: ExprType, right: ExprType): ExprType {
  if (left === 'unknown' || right === 'unknown') return 'unknown';
  return left === 'float' || right === 'float' ? 'float' : 'int';
}

function isComparable(left: ExprType, right: ExprType): boolean {
  if ([left, right].some((type) => type === 'unknown' || type === 'nil')) return true;
  if (isNumberType(left) && isNumberType(right)) return true;
  return (isArrayType(left) && isArrayType(right)) || isSame(left, right);
}

function isBool(type: ExprType): boolean {
  return type === 'bool' || type === 'unknown';
}

function isString(type: ExprType): boolean {
  return type === 'string' || type === 'unknown';
}

function isNumber(type: ExprType): boolean {
  return isNumberType(type) || type === 'unknown';
}

function isInt(type: ExprType): boolean {
  return type === 'int' || type === 'unknown';
}
