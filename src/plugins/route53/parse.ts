import { refusePlugin } from '../../config/corefile/plugin-definition.ts';

/** Why: see the reason, which is what the operator reads. */
export default refusePlugin('route53', 'zones of a cloud provider are not read, use forward to its resolver');
