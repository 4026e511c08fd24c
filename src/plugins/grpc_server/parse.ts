import { refusePlugin } from '../../config/corefile/plugin-definition.ts';

/** Why: see the reason, which is what the operator reads. */
export default refusePlugin('grpc_server', 'there are no listeners for DNS over gRPC, use tls:// or https://');
