import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { sma } from './sma.ts';

checkIndicatorContract(sma);
