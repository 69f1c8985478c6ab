import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { adx } from './adx.ts';

checkIndicatorContract(adx);
