/**
 * Asks Node's resolvers: `lookup` is the C library's, `resolve` c-ares', which knows no search list.
 *
 *   node node-lookup.mjs lookup|resolve|reverse NAME...      a line for each name: what was found, sorted, or the error's code
 */
import dns from 'node:dns/promises';

const [how, ...names] = process.argv.slice(2);

async function ask(name) {
  if (how === 'resolve') return dns.resolve4(name);
  if (how === 'reverse') return dns.reverse(name);
  return (await dns.lookup(name, { all: true })).map(({ address }) => address);
}

for (const name of names) {
  try {
    console.log((await ask(name)).toSorted().join(' '));
  } catch (error) {
    console.log(error.code);
  }
}
