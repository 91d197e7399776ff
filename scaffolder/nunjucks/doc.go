// Package nunjucks is the template language of Backstage's scaffolder: Nunjucks 3.2.4 with JavaScript's value
// rules, as one closed interpreter. It holds the lexer, the parser, the compiler from syntax to executable
// nodes, the evaluator, the built-in filters, tests, globals and methods, JSON in JavaScript's manner, and
// the limits of a rendering.
//
// What it does not hold: anything of a template run (steps, secrets, always(), Backstage's own filters),
// which lives in package scaffolder/expression; loaders (include, import and extends name templates that
// never exist); files.
//
// # How faithful
//
// Nunjucks compiles a template to JavaScript text, and much of what people see is how that text behaves:
// operators bind as JavaScript binds them, a loop's variables are JavaScript variables, a length left over
// from the last round of an outer loop decides whether {% else %} runs. This package keeps those effects: the
// compiler resolves names as nunjucks' compiler does, and lays out operators in the order in which the
// emitted text would be read. The tests hold it against the real thing with generated templates.
//
// Where it is deliberately stricter: printing a function fails (nunjucks prints its source), constructor and
// __proto__ are not reachable, and every rendering has limits.
package nunjucks
