package forge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// AddUser makes sure that a user of this login exists. An empty name is the login.
func (f *Forge) AddUser(login, name string) error { return f.addOwner(login, name, kindUser) }

// AddOrganization makes sure that an organization of this login exists. An empty name is the login.
func (f *Forge) AddOrganization(login, name string) error {
	return f.addOwner(login, name, kindOrganization)
}

func (f *Forge) addOwner(login, name, kind string) error {
	err := f.store.putOwner(login, kind, func(owner *account) error {
		if name != "" || owner.Name == "" {
			owner.Name = cmp.Or(name, login)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("local Git forge: %w", err)
	}
	return nil
}

// AddTeam makes sure that an organization has a team of this name.
func (f *Forge) AddTeam(organization, name, description string) error {
	slug := slugOf(name)
	if slug == "" {
		return fmt.Errorf("local Git forge: team %q: the name has no letters", name)
	}
	if _, err := f.organization(organization); err != nil {
		return fmt.Errorf("local Git forge: %w", err)
	}
	return f.store.putOwner(organization, kindOrganization, func(owner *account) error {
		if owner.Teams == nil {
			owner.Teams = map[string]team{}
		}
		if _, exists := owner.Teams[slug]; !exists {
			owner.Teams[slug] = team{ID: f.store.nextID(), Name: name, Description: description, CreatedAt: now()}
		}
		return nil
	})
}

// Import describes a directory to publish as a repository.
type Import struct {
	Owner, Name string
	// Directory is copied as it is, but for what its .gitignore files name.
	Directory   string
	Description string
	Topics      []string
	// Public repositories are readable over the API without the token.
	Public bool
	// Message is the commit's, "Import <name>" when empty.
	Message string
}

// ImportDirectory makes the default branch of a repository hold what a directory holds. The repository is created when it
// is missing; a directory that did not change since the last import adds no commit.
func (f *Forge) ImportDirectory(ctx context.Context, source Import) error {
	if err := f.importDirectory(ctx, source); err != nil {
		return fmt.Errorf("local Git forge: import %s into %s/%s: %w", source.Directory, source.Owner, source.Name, err)
	}
	return nil
}

func (f *Forge) importDirectory(ctx context.Context, source Import) error {
	directory, err := filepath.Abs(source.Directory)
	if err != nil {
		return err
	}
	if info, err := os.Stat(directory); err != nil || !info.IsDir() {
		return errors.Join(errors.New("not a directory"), err)
	}
	owner, err := f.store.owner(source.Owner)
	if err != nil {
		return err
	}
	initial := defaultSettings()
	if !source.Public {
		initial.Visibility = visibilityPrivate
	}
	if _, err := f.store.createRepository(ctx, owner, source.Name, initial); err != nil && !errors.Is(err, errTaken) {
		return err
	}
	repo, err := f.store.updateRepository(source.Owner, source.Name, func(repo *repository) error {
		repo.Settings.Description, repo.Topics = source.Description, append([]string{}, source.Topics...)
		slices.Sort(repo.Topics)
		return nil
	})
	if err != nil {
		return err
	}
	return f.store.open(repo).commitDirectory(ctx, directory, cmp.Or(source.Message, "Import "+source.Name))
}

// commitDirectory adds a commit with exactly a directory's files to the default branch, unless it holds them already.
func (g gitRepository) commitDirectory(ctx context.Context, directory, message string) error {
	scratch, err := os.MkdirTemp("", "forge-import-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	environment := []string{
		"GIT_DIR=" + g.directory, "GIT_WORK_TREE=" + directory, "GIT_INDEX_FILE=" + filepath.Join(scratch, "index"),
		"GIT_AUTHOR_NAME=Portico", "GIT_AUTHOR_EMAIL=portico@localhost",
		"GIT_COMMITTER_NAME=Portico", "GIT_COMMITTER_EMAIL=portico@localhost",
	}
	// GIT_LITERAL_PATHSPECS keeps "." what it is: everything.
	if _, err := g.git.run(ctx, environment, "-C", directory, "add", "--all", "."); err != nil {
		return err
	}
	tree, err := g.git.run(ctx, environment, "write-tree")
	if err != nil {
		return err
	}
	branch, err := g.defaultBranch()
	if err != nil {
		return err
	}
	args := []string{"commit-tree", "-m", message, strings.TrimSpace(string(tree))}
	parent, err := g.resolve(ctx, "refs/heads/"+branch)
	if err == nil {
		current, err := g.parse(ctx, parent, "^{tree}")
		if err != nil || current == strings.TrimSpace(string(tree)) {
			return err
		}
		args = append(args, "-p", parent)
	}
	hash, err := g.git.run(ctx, environment, args...)
	if err != nil {
		return err
	}
	_, err = g.run(ctx, "update-ref", "refs/heads/"+branch, strings.TrimSpace(string(hash)))
	return err
}
