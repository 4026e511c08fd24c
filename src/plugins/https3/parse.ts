import { refusePlugin } from '../../config/corefile/plugin-definition.ts';

/** Why: see the reason, which is what the operator reads. */
export default refusePlugin('https3', 'there are no listeners for DNS over HTTP/3, use https://');
