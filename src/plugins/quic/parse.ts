import { refusePlugin } from '../../config/corefile/plugin-definition.ts';

/** Why: see the reason, which is what the operator reads. */
export default refusePlugin('quic', 'there are no listeners for DNS over QUIC, use tls:// or https://');
