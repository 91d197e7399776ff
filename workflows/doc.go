// Package workflows holds Portico's Temporal workflows and the client side of them. Workflow code is
// deterministic: it knows no clock but the workflow's, no network, no database, and calls activities by name.
// What they do is in package activities.
package workflows
