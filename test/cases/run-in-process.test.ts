/** The table of cases against everything but the sockets. */
import { InProcessSubject } from './in-process-subject.ts';
import { runTable } from './table-run.ts';

runTable(new InProcessSubject({ udpSizeMax: 4096 }));
