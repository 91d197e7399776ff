// Package nunjucks is the template language of Backstage's scaffolder: Nunjucks 3.2.4 with JavaScript's value
// rules, as one closed interpreter. It holds the lexer, the parser, the compiler from syntax to executable
// nodes, the evaluator, the built-in filters, tests, globals and methods, JSON in JavaScript's manner, and
// the limits of a rendering.
//
// It does not know runs of templates: steps, secrets, always() and Backstage's own filters are in package
// scaffolder/expression. It has no loaders and reads no files: include, import and extends always fail.
//
// # Fidelity
//
// Nunjucks compiles a template to JavaScript text, and templates depend on how that text behaves. Operators
// have JavaScript's precedence. A loop's variables are JavaScript variables. The length from the previous
// round of an outer loop decides whether {% else %} runs. This package keeps those effects: the compiler
// resolves names as nunjucks' compiler does, and orders operators as in the emitted text. The tests compare
// it with the real nunjucks on generated templates.
//
// It is stricter in three ways: printing a function fails (nunjucks prints its source), constructor and
// __proto__ are not reachable, and every rendering has limits.
package nunjucks
