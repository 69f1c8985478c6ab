import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { logReturn } from './log-return.ts';

checkIndicatorContract(logReturn);
