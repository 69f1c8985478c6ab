import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { vwapSession } from './vwap-session.ts';

checkIndicatorContract(vwapSession);
