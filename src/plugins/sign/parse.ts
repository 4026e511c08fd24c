import { refusePlugin } from '../../config/plugin-definition.ts';

/** Why: see the reason, which is what the operator reads. */
export default refusePlugin('sign', 'zones are not signed');
