import { refusePlugin } from '../../config/corefile/plugin-definition.ts';

/** Why: see the reason, which is what the operator reads. */
export default refusePlugin('erratic', 'it is for tests of clients only');
