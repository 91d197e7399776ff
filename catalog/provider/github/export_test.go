package github

// RepositoriesInPages is Repositories with pages smaller than GitHub's.
var RepositoriesInPages = repositories
