import { refusePlugin } from '../../config/corefile/plugin-definition.ts';

/** Why: see the reason, which is what the operator reads. */
export default refusePlugin(
  'dynupdate',
  'zones are not changed by DNS UPDATE, use kubernetes, etcd, file or secondary',
);
