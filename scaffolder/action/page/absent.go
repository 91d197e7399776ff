package page

// Absent are actions of Backstage's own packages or of public templates that Portico does not have.
type Absent struct {
	// IDs may end with a star, for a family.
	IDs []string
	// Why says what stands against them, and what to do instead.
	Why string
}

// AbsentActions are all of them.
func AbsentActions() []Absent {
	return []Absent{
		{[]string{"confluence:transform:markdown"}, "It converts pages of Confluence by a library of its own and opens a pull request with the result. " +
			"Keep the documentation as Markdown in the repository."},
		{[]string{"fetch:rails"}, "It runs Ruby on Rails on the worker, with options of the template's author. Generate the application once, and publish it as a " +
			"skeleton for fetch:template."},
		{[]string{"run:yeoman"}, "It runs a generator, which is code of others, on the worker. Write what it generates as a skeleton for fetch:template."},
		{[]string{"opa:*", "aws-apps:*", "harmonix:*"}, "They belong to AWS Harmonix and act on its own backend, without which they mean nothing."},
		{[]string{"openchoreo:*"}, "They are the interface of the platform OpenChoreo. Its objects are Kubernetes': kubernetes:apply creates them."},
		{[]string{"orchestrator:workflow:*"}, "They start workflows of SonataFlow on Red Hat's Orchestrator. Here, a template is a workflow itself."},
		{[]string{"dotnet:new"}, "It runs the .NET SDK on the server. fetch:template writes the same files without it."},
	}
}
