import { refusePlugin } from '../../config/corefile/plugin-definition.ts';

/** Why: see the reason, which is what the operator reads. */
export default refusePlugin('grpc', 'there are no upstreams over gRPC, use forward with tls:// or https://');
