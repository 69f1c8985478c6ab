import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { atr } from './atr.ts';

checkIndicatorContract(atr);
