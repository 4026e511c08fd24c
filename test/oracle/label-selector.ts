/** Kubernetes label selectors: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, joined by commas. */

type LabelsOfObject = Readonly<Record<string, string>>;

export function selects(selector: string, labels: LabelsOfObject): boolean {
  return requirements(selector).every((requirement) => holds(requirement, labels));
}

/** Split at the commas outside parentheses. */
function requirements(selector: string): string[] {
  return selector
    .split(/,(?![^(]*\))/)
    .map((requirement) => requirement.trim())
    .filter((requirement) => requirement !== '');
}

function holds(requirement: string, labels: LabelsOfObject): boolean {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(requirement);
  if (set !== null) {
    const value = labels[set[1]!];
    const isListed = value !== undefined && set[3]!.split(',').some((item) => item.trim() === value);
    return (set[2] === 'in') === isListed;
  }
  const comparison = /^([^=!\s]+)\s*(!=|==|=)\s*(\S*)$/.exec(requirement);
  if (comparison !== null) return (labels[comparison[1]!] === comparison[3]) === (comparison[2] !== '!=');
  if (requirement.startsWith('!')) return labels[requirement.slice(1).trim()] === undefined;
  return labels[requirement] !== undefined;
}
