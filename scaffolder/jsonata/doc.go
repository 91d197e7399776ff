// Package jsonata evaluates JSONata, the language in which steps query and transform JSON: version 2 of the
// language, with the results, the order of keys and the error messages of the npm package jsonata.
//
// Expressions come from templates, so every evaluation is bounded: in steps, time, memory and depth. Memory
// counts in the context's account (package scaffolder/budget). Values are those of package nunjucks.
//
// Why there is no library under it is in docs/decisions/0045.
package jsonata
