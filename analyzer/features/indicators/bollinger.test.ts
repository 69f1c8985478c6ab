import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { bollinger } from './bollinger.ts';

checkIndicatorContract(bollinger);
