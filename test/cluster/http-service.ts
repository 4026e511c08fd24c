/** A web server for a network namespace: says who it is. `node http-service.ts TEXT ADDRESS PORT`; "ready" when it listens. */
import { createServer } from 'node:http';

const [text, address, port] = process.argv.slice(2);

createServer((_request, response) => response.end(`${text}\n`)).listen(Number(port), address, () => {
  console.log('ready');
});
