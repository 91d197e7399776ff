// Package expression renders the expressions of a scaffolder template: nested step input, conditions and output, with
// Backstage's own filters and the status functions always() and failure(). The language itself is package
// scaffolder/nunjucks; running steps is not here.
package expression
