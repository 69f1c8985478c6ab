import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { ema } from './ema.ts';

checkIndicatorContract(ema);
