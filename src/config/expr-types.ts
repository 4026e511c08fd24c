import { checkRegex } from './regex.ts';
import { ExprFault, type BinaryOperator, type Expr, type ExprScope, type ExprType } from './expr-tree.ts';

/**
 * The type of an expression, every part of it checked.
 *
 * @param places  where nodes begin, for faults
 * @throws ExprFault for a type that cannot be, a wrong number of arguments, or a bad pattern
 */
export function typeOfExpr(expr: Expr, scope: ExprScope, places: ReadonlyMap<Expr, number>): ExprType {
  const fault = (message: string): ExprFault => new ExprFault(places.get(expr) ?? 0, message);
  const typeOf = (part: Expr): ExprType => typeOfExpr(part, scope, places);
  switch (expr.kind) {
    case 'literal':
      return typeOfLiteral(expr);
    case 'variable':
      return scope.variables[expr.name] ?? 'unknown';
    case 'array':
      for (const item of expr.items) typeOf(item);
      return 'array';
    case 'call': {
      const { parameters, result } = scope.functions[expr.name]!;
      if (expr.arguments.length !== parameters.length) {
        throw fault(`${expr.name} takes ${parameters.length} arguments, found ${expr.arguments.length}`);
      }
      let found: ExprType = 'nil';
      for (const [index, argument] of expr.arguments.entries()) {
        found = typeOf(argument);
        if (!fits(found, parameters[index]!)) {
          throw fault(`argument ${index + 1} of ${expr.name} is of type ${found}, expected ${parameters[index]}`);
        }
      }
      return expr.name === 'abs' ? found : result;
    }
    case 'unary': {
      const found = typeOf(expr.operand);
      if (expr.operator === 'not')
        return (expectType(found, isBool, () => fault(`not of type ${found}, expected bool`)), 'bool');
      expectType(found, isNumber, () => fault(`${expr.operator} of type ${found}, expected a number`));
      return found;
    }
    case 'conditional': {
      const test = typeOf(expr.test);
      expectType(test, isBool, () => fault(`condition of type ${test}, expected bool`));
      const [whenTrue, whenFalse] = [typeOf(expr.whenTrue), typeOf(expr.whenFalse)];
      return whenTrue === whenFalse ? whenTrue : 'unknown';
    }
    case 'binary': {
      const [left, right] = [typeOf(expr.left), typeOf(expr.right)];
      const type = typeOfBinary(expr.operator, left, right);
      if (type === undefined) throw fault(`operator ${expr.operator} between ${left} and ${right} cannot be`);
      if (expr.operator === 'matches') checkPattern(expr.right, fault);
      if (expr.operator === 'in' && expr.right.kind === 'array') checkItems(left, expr.right.items.map(typeOf), fault);
      return type;
    }
  }
}

/** What is looked for in a list of values that are all of one type has to be of that type. */
function checkItems(found: ExprType, items: readonly ExprType[], fault: (message: string) => ExprFault): void {
  const [item] = items;
  if (item === undefined || items.some((type) => type !== item) || isComparable(found, item)) return;
  throw fault(`a value of type ${found} is looked for in a list of type ${item}`);
}

function checkPattern(pattern: Expr, fault: (message: string) => ExprFault): void {
  if (pattern.kind !== 'literal' || typeof pattern.value !== 'string') return;
  const checked = checkRegex(pattern.value);
  if (typeof checked === 'string') throw fault(checked);
}

function expectType(found: ExprType, isFit: (type: ExprType) => boolean, fault: () => ExprFault): void {
  if (!isFit(found)) throw fault();
}

function typeOfLiteral({ value, isFloat }: Extract<Expr, { readonly kind: 'literal' }>): ExprType {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (value === null) return 'nil';
  return isFloat === true ? 'float' : 'int';
}

/** undefined: the operator cannot stand between the two */
function typeOfBinary(operator: BinaryOperator, left: ExprType, right: ExprType): ExprType | undefined {
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
      return right === 'array' || right === 'unknown' ? 'bool' : undefined;
    case 'matches':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return isString(left) && isString(right) ? 'bool' : undefined;
    case '+':
      if (isString(left) && isString(right)) return left === 'unknown' && right === 'unknown' ? 'unknown' : 'string';
      return isNumber(left) && isNumber(right) ? numberType(left, right) : undefined;
    case '%':
      return (left === 'int' || left === 'unknown') && (right === 'int' || right === 'unknown') ? 'int' : undefined;
    case '/':
    case '**':
      return isNumber(left) && isNumber(right) ? 'float' : undefined;
    case '-':
    case '*':
      return isNumber(left) && isNumber(right) ? numberType(left, right) : undefined;
  }
}

function numberType(left: ExprType, right: ExprType): ExprType {
  if (left === 'unknown' || right === 'unknown') return 'unknown';
  return left === 'float' || right === 'float' ? 'float' : 'int';
}

function fits(found: ExprType, expected: ExprType): boolean {
  return found === expected || found === 'unknown' || expected === 'unknown';
}

function isComparable(left: ExprType, right: ExprType): boolean {
  return fits(left, right) || left === 'nil' || right === 'nil' || (isNumber(left) && isNumber(right));
}

function isBool(type: ExprType): boolean {
  return type === 'bool' || type === 'unknown';
}

function isString(type: ExprType): boolean {
  return type === 'string' || type === 'unknown';
}

function isNumber(type: ExprType): boolean {
  return type === 'int' || type === 'float' || type === 'unknown';
}
