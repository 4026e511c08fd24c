/** The wire cases against everything but the sockets. */
import { InProcessSubject } from './in-process-subject.ts';
import { runWireCases } from './wire-run.ts';

runWireCases(new InProcessSubject({ nsid: 'test-server' }));
