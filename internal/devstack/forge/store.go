package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

var (
	errNotFound = errors.New("not found")
	errTaken    = errors.New("name already exists on this account")

	// The names that GitHub allows.
	loginPattern      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,38}$`)
	repositoryPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	// reservedLogins are first path segments that cannot be owners.
	reservedLogins = []string{"api", "assets"}
)

const (
	kindUser         = "User"
	kindOrganization = "Organization"

	visibilityPublic   = "public"
	visibilityPrivate  = "private"
	visibilityInternal = "internal"

	metadataFile = "portico.json"
)

// account is a user or an organization, one file each under owners/.
type account struct {
	ID        int64     `json:"id"`
	Login     string    `json:"login"`
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`
	CreatedAt time.Time `json:"createdAt"`
	// Email is a user's public address, and Emails are their addresses in verified domains of organizations.
	Email  string   `json:"email,omitempty"`
	Emails []string `json:"emails,omitempty"`
	Bio    string   `json:"bio,omitempty"`
	// SuspendedAt is when a user was suspended, nil for an active one.
	SuspendedAt *time.Time `json:"suspendedAt,omitempty"`
	// Members are the logins of an organization's members besides the token's user.
	Members []string `json:"members,omitempty"`
	// Teams are an organization's teams by slug.
	Teams map[string]team `json:"teams,omitempty"`
}

type team struct {
	ID          int64     `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	CreatedAt   time.Time `json:"createdAt"`
	// Parent is the slug of the parent team, "" without one.
	Parent string `json:"parent,omitempty"`
	// Members are the logins of the team's own members, without those of its child teams.
	Members []string `json:"members,omitempty"`
}

// repository is the forge's record of a repository besides its Git objects: one file inside the bare
// repository, so that both are created and deleted together. A stored value is immutable.
type repository struct {
	ID            int64                      `json:"id"`
	Owner         string                     `json:"owner"`
	Name          string                     `json:"name"`
	Settings      settings                   `json:"settings"`
	Topics        []string                   `json:"topics"`
	CreatedAt     time.Time                  `json:"createdAt"`
	UpdatedAt     time.Time                  `json:"updatedAt"`
	PushedAt      time.Time                  `json:"pushedAt"`
	Protection    map[string]protection      `json:"protection"`
	Collaborators map[string]string          `json:"collaborators"`
	Teams         map[string]string          `json:"teams"`
	Properties    map[string]json.RawMessage `json:"properties"`
	Variables     map[string]variable        `json:"variables"`
	Secrets       map[string]secret          `json:"secrets"`
	Key           *sealingKey                `json:"key,omitempty"`
	OIDC          oidcSubject                `json:"oidc"`
	Subscription  *subscription              `json:"subscription,omitempty"`
	Issues        []issue                    `json:"issues"`
	Hooks         []hook                     `json:"hooks,omitempty"`
	Autolinks     []autolink                 `json:"autolinks,omitempty"`
	Statuses      []commitStatus             `json:"statuses,omitempty"`
	DeployKeys    []deployKey                `json:"deployKeys,omitempty"`
	Environments  []environment              `json:"environments,omitempty"`
	Deployments   []deployment               `json:"deployments,omitempty"`
	Pages         *site                      `json:"pages,omitempty"`
	WorkflowRuns  []workflowRun              `json:"workflowRuns,omitempty"`
	Pulls         []pull                     `json:"pulls,omitempty"`
	// WorkflowAccess is GitHub's word for who outside may use the workflows, "" for nobody.
	WorkflowAccess string `json:"workflowAccess,omitempty"`
	// Parent is the full name of the repository of which this one is a fork, "" for others.
	Parent string `json:"parent,omitempty"`
}

// settings are the fields that POST and PATCH of a repository share, under GitHub's names. The defaults are
// GitHub's.
type settings struct {
	Description              string `json:"description"`
	Homepage                 string `json:"homepage"`
	Visibility               string `json:"visibility"`
	Archived                 bool   `json:"archived"`
	IsTemplate               bool   `json:"is_template"`
	HasIssues                bool   `json:"has_issues"`
	HasProjects              bool   `json:"has_projects"`
	HasWiki                  bool   `json:"has_wiki"`
	HasDiscussions           bool   `json:"has_discussions"`
	AllowSquashMerge         bool   `json:"allow_squash_merge"`
	AllowMergeCommit         bool   `json:"allow_merge_commit"`
	AllowRebaseMerge         bool   `json:"allow_rebase_merge"`
	AllowAutoMerge           bool   `json:"allow_auto_merge"`
	AllowUpdateBranch        bool   `json:"allow_update_branch"`
	DeleteBranchOnMerge      bool   `json:"delete_branch_on_merge"`
	SquashMergeCommitTitle   string `json:"squash_merge_commit_title"`
	SquashMergeCommitMessage string `json:"squash_merge_commit_message"`
	MergeCommitTitle         string `json:"merge_commit_title"`
	MergeCommitMessage       string `json:"merge_commit_message"`
}

func defaultSettings() settings {
	return settings{
		Visibility: visibilityPublic, HasIssues: true, HasProjects: true, HasWiki: true,
		AllowSquashMerge: true, AllowMergeCommit: true, AllowRebaseMerge: true,
		SquashMergeCommitTitle: "COMMIT_OR_PR_TITLE", SquashMergeCommitMessage: "COMMIT_MESSAGES",
		MergeCommitTitle: "MERGE_MESSAGE", MergeCommitMessage: "PR_TITLE",
	}
}

// nextNumber is the number of the next issue or pull request, which count together.
func (r *repository) nextNumber() int { return len(r.Issues) + len(r.Pulls) + 1 }

// FullName is "owner/name".
func (r *repository) FullName() string { return r.Owner + "/" + r.Name }

// store is the forge's state. It is read from its directory once, and every change is written at once. A
// change is one rename of a complete file or directory, so a process killed at any instruction leaves either
// the old state or the new one.
type store struct {
	directory string
	git       *git

	mutex        sync.RWMutex
	owners       map[string]*account
	repositories map[string]*repository
	apps         map[int64]*registration
	lastID       int64
}

func openStore(ctx context.Context, directory string, runner *git) (*store, error) {
	s := &store{
		directory: directory, git: runner,
		owners: map[string]*account{}, repositories: map[string]*repository{}, apps: map[int64]*registration{},
	}
	// tmp/ has what was being created or deleted when the process was killed. A git process that it started
	// may still write there, so what cannot be deleted now is left for the next start.
	_ = os.RemoveAll(s.path("tmp"))
	for _, name := range []string{"tmp", "owners", "repositories", "apps"} {
		if err := os.MkdirAll(s.path(name), 0o700); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(s.writeHooks(), s.readOwners(), s.readApps()); err != nil {
		return nil, err
	}
	return s, s.readRepositories(ctx)
}

func (s *store) path(elements ...string) string {
	return filepath.Join(append([]string{s.directory}, elements...)...)
}

func (s *store) readOwners() error {
	files, err := filepath.Glob(s.path("owners", "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		owner := &account{}
		if err := readJSON(file, owner); err != nil {
			return fmt.Errorf("owner: %w", err)
		}
		s.owners[strings.ToLower(owner.Login)] = owner
		s.lastID = max(s.lastID, owner.ID)
	}
	return nil
}

func (s *store) readRepositories(ctx context.Context) error {
	files, err := filepath.Glob(s.path("repositories", "*", "*.git", metadataFile))
	if err != nil {
		return err
	}
	for _, file := range files {
		repo := &repository{}
		if err := readJSON(file, repo); err != nil {
			return fmt.Errorf("repository: %w", err)
		}
		s.repositories[key(repo.Owner, repo.Name)] = repo
		s.lastID = max(s.lastID, repo.ID)
		if err := s.open(repo).settleDefaultBranch(ctx); err != nil {
			return err
		}
	}
	return nil
}

// nextID never returns an id twice, even after its owner was deleted and the process restarted. The caller
// holds the mutex.
func (s *store) nextID() int64 {
	s.lastID = max(s.lastID+1, time.Now().UnixMilli())
	return s.lastID
}

func key(owner, name string) string { return strings.ToLower(owner + "/" + name) }

// directoryOf is the directory of the bare repository. Both names were checked when the repository was
// created.
func (s *store) directoryOf(owner, name string) string {
	return s.path("repositories", strings.ToLower(owner), strings.ToLower(name)+".git")
}

func (s *store) open(repo *repository) gitRepository {
	return gitRepository{git: s.git, directory: s.directoryOf(repo.Owner, repo.Name)}
}

func (s *store) owner(login string) (*account, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if owner, ok := s.owners[strings.ToLower(login)]; ok {
		return owner, nil
	}
	return nil, fmt.Errorf("owner %q: %w", login, errNotFound)
}

func (s *store) listOwners() []*account {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	owners := make([]*account, 0, len(s.owners))
	for _, owner := range s.owners {
		owners = append(owners, owner)
	}
	slices.SortFunc(owners, func(a, b *account) int { return strings.Compare(a.Login, b.Login) })
	return owners
}

func (s *store) repository(owner, name string) (*repository, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if repo, ok := s.repositories[key(owner, name)]; ok {
		return repo, nil
	}
	return nil, fmt.Errorf("repository %s/%s: %w", owner, name, errNotFound)
}

// listRepositories lists the repositories of an owner, newest first.
func (s *store) listRepositories(owner string) []*repository {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	var found []*repository
	for _, repo := range s.repositories {
		if strings.EqualFold(repo.Owner, owner) {
			found = append(found, repo)
		}
	}
	slices.SortFunc(found, func(a, b *repository) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return found
}

// putOwner creates an account, or changes the one with the same login.
func (s *store) putOwner(login, kind string, change func(*account) error) error {
	if !loginPattern.MatchString(login) || slices.Contains(reservedLogins, strings.ToLower(login)) {
		return fmt.Errorf("login %q: only letters, digits and hyphens, at most 39, and not %s", login, strings.Join(reservedLogins, " or "))
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	changed := &account{Login: login, Kind: kind, CreatedAt: now()}
	if existing, ok := s.owners[strings.ToLower(login)]; ok {
		if existing.Kind != kind {
			return fmt.Errorf("login %s: it exists and is of type %s", login, existing.Kind)
		}
		var err error
		if changed, err = clone(existing); err != nil {
			return err
		}
	} else {
		changed.ID = s.nextID()
	}
	if err := change(changed); err != nil {
		return err
	}
	if err := writeJSON(s.path("owners", strings.ToLower(login)+".json"), changed); err != nil {
		return fmt.Errorf("owner %s: %w", login, err)
	}
	s.owners[strings.ToLower(login)] = changed
	return nil
}

func isRepositoryName(name string) bool {
	return repositoryPattern.MatchString(name) && strings.Trim(name, ".") != "" && !strings.HasSuffix(strings.ToLower(name), ".git")
}

// createRepository creates the bare repository under tmp/ and then renames it into place.
func (s *store) createRepository(ctx context.Context, owner *account, name string, initial settings) (*repository, error) {
	if !isRepositoryName(name) {
		return nil, fmt.Errorf("repository name %q: only letters, digits, '.', '_' and '-', at most 100", name)
	}
	if _, err := s.repository(owner.Login, name); err == nil {
		return nil, errTaken
	}
	repo := &repository{Owner: owner.Login, Name: name, Settings: initial, Topics: []string{}}
	return repo, s.addRepository(repo, func(directory string) error { return s.git.initialize(ctx, directory) })
}

// addRepository adds a repository whose Git directory initialize prepares, and sets its id and times.
func (s *store) addRepository(repo *repository, initialize func(directory string) error) error {
	prepared, err := os.MkdirTemp(s.path("tmp"), "create-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(prepared)
	if err := initialize(prepared); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, taken := s.repositories[key(repo.Owner, repo.Name)]; taken {
		return errTaken
	}
	repo.ID, repo.CreatedAt, repo.OIDC = s.nextID(), now(), oidcSubject{UseDefault: true}
	repo.UpdatedAt, repo.PushedAt = repo.CreatedAt, repo.CreatedAt
	if err := writeJSON(filepath.Join(prepared, metadataFile), repo); err != nil {
		return err
	}
	target := s.directoryOf(repo.Owner, repo.Name)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	if err := os.Rename(prepared, target); err != nil {
		return err
	}
	s.repositories[key(repo.Owner, repo.Name)] = repo
	return nil
}

// updateRepository changes a copy and replaces the original by it. On an error nothing changes.
func (s *store) updateRepository(owner, name string, change func(*repository) error) (*repository, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	existing, ok := s.repositories[key(owner, name)]
	if !ok {
		return nil, fmt.Errorf("repository %s/%s: %w", owner, name, errNotFound)
	}
	changed, err := clone(existing)
	if err != nil {
		return nil, err
	}
	changed.UpdatedAt = now()
	if err := change(changed); err != nil {
		return nil, err
	}
	if err := writeJSON(filepath.Join(s.directoryOf(owner, name), metadataFile), changed); err != nil {
		return nil, fmt.Errorf("repository %s/%s: %w", owner, name, err)
	}
	s.repositories[key(owner, name)] = changed
	return changed, nil
}

func (s *store) deleteRepository(owner, name string) error {
	removed, err := os.MkdirTemp(s.path("tmp"), "delete-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(removed)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, ok := s.repositories[key(owner, name)]; !ok {
		return fmt.Errorf("repository %s/%s: %w", owner, name, errNotFound)
	}
	if err := os.Rename(s.directoryOf(owner, name), filepath.Join(removed, "repository.git")); err != nil {
		return err
	}
	delete(s.repositories, key(owner, name))
	return nil
}

// now is the time in whole seconds, as on GitHub.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

func clone[T any](value *T) (*T, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	copied := new(T)
	return copied, json.Unmarshal(encoded, copied)
}

func readJSON(path string, into any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func writeJSON(path string, value any) error {
	encoded, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, encoded)
}

// writeFile replaces a file atomically: no reader, even after a crash, sees a part of it.
func writeFile(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
