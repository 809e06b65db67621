import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['node_modules'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  { rules: { 'max-lines': ['error', 350], eqeqeq: 'error', 'no-console': 'error' } },
);
