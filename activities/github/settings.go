package github

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"
	"golang.org/x/crypto/nacl/box"

	"github.com/portico-dev/portico/scaffolder/action"
)

// configure sets what the workflows of the first push need: access, topics, variables, secrets. Each part can
// be repeated.
func (p *publication) configure(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		p.grantAccess, p.setCollaborators, p.setTopics, p.setVariables, p.setSecrets, p.setOIDC, p.setProperties, p.subscribe,
		p.openWorkflows,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// optional turns a final failure into a warning, where Backstage continues as well.
func optional(ctx context.Context, log action.Log, err error, skipped string) error {
	if err == nil || ctx.Err() != nil || action.IsTransient(err) {
		return err
	}
	log.Warn("Skipping %s: %s", skipped, err)
	return nil
}

// grantAccess makes a user or a team of the owner an administrator.
func (p *publication) grantAccess(ctx context.Context) error {
	switch team, isTeam := strings.CutPrefix(p.input.Access, p.target.Owner+"/"); {
	case isTeam:
		return p.addTeam(ctx, team, "admin")
	case p.input.Access == "" || p.input.Access == p.target.Owner:
		return nil
	default:
		return p.addUser(ctx, p.input.Access, "admin")
	}
}

func (p *publication) setCollaborators(ctx context.Context) error {
	for _, one := range p.input.Collaborators {
		add, name := p.addUser, nameOf(one.User)
		if one.User == "" {
			add, name = p.addTeam, nameOf(one.Team)
		}
		err := add(ctx, name, one.Access)
		if err := optional(ctx, p.call.Log, err, one.Access+" access for "+name); err != nil {
			return err
		}
	}
	return nil
}

func (p *publication) addUser(ctx context.Context, login, permission string) error {
	return p.ask(ctx, fmt.Sprintf("giving %s %s access to %s", login, permission, p.name()), func(ctx context.Context) error {
		_, _, err := p.client.Repositories.AddCollaborator(ctx, p.target.Owner, p.target.Repo, login,
			&github.RepositoryAddCollaboratorOptions{Permission: permission})
		return err
	})
}

func (p *publication) addTeam(ctx context.Context, slug, permission string) error {
	return p.ask(ctx, fmt.Sprintf("giving the team %s %s access to %s", slug, permission, p.name()), func(ctx context.Context) error {
		_, err := p.client.Teams.AddTeamRepoBySlug(ctx, p.target.Owner, slug, p.target.Owner, p.target.Repo,
			&github.TeamAddTeamRepoOptions{Permission: permission})
		return err
	})
}

func (p *publication) setTopics(ctx context.Context) error {
	if len(p.input.Topics) == 0 {
		return nil
	}
	topics := make([]string, len(p.input.Topics))
	for i, topic := range p.input.Topics {
		topics[i] = strings.ToLower(topic)
	}
	err := p.ask(ctx, "setting the topics of "+p.name(), func(ctx context.Context) error {
		_, _, err := p.client.Repositories.ReplaceAllTopics(ctx, p.target.Owner, p.target.Repo, topics)
		return err
	})
	return optional(ctx, p.call.Log, err, "topics "+strings.Join(topics, " "))
}

func (p *publication) setVariables(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(p.input.RepoVariables)) {
		one := &github.ActionsVariable{Name: name, Value: p.input.RepoVariables[name]}
		err := p.ask(ctx, "setting the variable "+name+" of "+p.name(), func(ctx context.Context) error {
			_, err := p.client.Actions.CreateRepoVariable(ctx, p.target.Owner, p.target.Repo, one)
			if isStatus(err, http.StatusConflict) {
				_, err = p.client.Actions.UpdateRepoVariable(ctx, p.target.Owner, p.target.Repo, one)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// setSecrets seals each secret with the repository's public key, so that only its workflows can read it.
func (p *publication) setSecrets(ctx context.Context) error {
	if len(p.input.Secrets) == 0 {
		return nil
	}
	var key *github.PublicKey
	err := p.ask(ctx, "reading the public key of "+p.name(), func(ctx context.Context) (err error) {
		key, _, err = p.client.Actions.GetRepoPublicKey(ctx, p.target.Owner, p.target.Repo)
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.input.Secrets)) {
		sealed, err := seal(key, p.input.Secrets[name])
		if err != nil {
			return fmt.Errorf("secret %s of %s: %w", name, p.name(), err)
		}
		one := &github.EncryptedSecret{Name: name, KeyID: key.GetKeyID(), EncryptedValue: sealed}
		err = p.ask(ctx, "setting the secret "+name+" of "+p.name(), func(ctx context.Context) error {
			_, err := p.client.Actions.CreateOrUpdateRepoSecret(ctx, p.target.Owner, p.target.Repo, one)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func seal(key *github.PublicKey, value string) (string, error) {
	decoded, err := base64.StdEncoding.DecodeString(key.GetKey())
	if err != nil || len(decoded) != 32 {
		return "", action.Final(fmt.Errorf("the repository's public key has %d bytes of base64, 32 are needed", len(decoded)))
	}
	sealed, err := box.SealAnonymous(nil, []byte(value), (*[32]byte)(decoded), rand.Reader)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

func (p *publication) setOIDC(ctx context.Context) error {
	if p.input.OIDCCustomization == nil {
		return nil
	}
	template := &github.OIDCSubjectClaimCustomTemplate{
		UseDefault: &p.input.OIDCCustomization.UseDefault, IncludeClaimKeys: p.input.OIDCCustomization.IncludeClaimKeys,
	}
	return p.ask(ctx, "setting the OIDC subject of "+p.name(), func(ctx context.Context) error {
		_, err := p.client.Actions.SetRepoOIDCSubjectClaimCustomTemplate(ctx, p.target.Owner, p.target.Repo, template)
		return err
	})
}

// property is one custom property as the API takes it; go-github has no call for them.
type property struct {
	Name  string          `json:"property_name"`
	Value json.RawMessage `json:"value"`
}

func (p *publication) setProperties(ctx context.Context) error {
	if len(p.input.CustomProperties) == 0 {
		return nil
	}
	if !p.owner.isOrganization {
		p.call.Log.Warn("Skipping customProperties: repositories of users have none on GitHub")
		return nil
	}
	properties := []property{}
	for _, name := range slices.Sorted(maps.Keys(p.input.CustomProperties)) {
		properties = append(properties, property{Name: name, Value: p.input.CustomProperties[name]})
	}
	return p.ask(ctx, "setting the custom properties of "+p.name(), func(ctx context.Context) error {
		path := fmt.Sprintf("repos/%s/%s/properties/values", p.target.Owner, p.target.Repo)
		request, err := p.client.NewRequest(http.MethodPatch, path, map[string]any{"properties": properties})
		if err != nil {
			return err
		}
		_, err = p.client.Do(ctx, request, nil)
		return err
	})
}

func (p *publication) subscribe(ctx context.Context) error {
	if !p.input.Subscribe {
		return nil
	}
	return p.ask(ctx, "subscribing to "+p.name(), func(ctx context.Context) error {
		_, _, err := p.client.Activity.SetRepositorySubscription(ctx, p.target.Owner, p.target.Repo,
			&github.Subscription{Subscribed: new(true), Ignored: new(false)})
		return err
	})
}

// openWorkflows lets workflows of other repositories use those of this one.
func (p *publication) openWorkflows(ctx context.Context) error {
	if p.input.WorkflowAccess == "" {
		return nil
	}
	return p.ask(ctx, "setting who may use the workflows of "+p.name(), func(ctx context.Context) error {
		_, err := p.client.Repositories.EditActionsAccessLevel(ctx, p.target.Owner, p.target.Repo,
			github.RepositoryActionsAccessLevel{AccessLevel: &p.input.WorkflowAccess})
		return err
	})
}

// finish sets the remaining settings. The description replaces the marker. Without a default branch, that of the
// host stays.
func (p *publication) finish(ctx context.Context, defaultBranch *string) error {
	settings := &github.Repository{
		Description: &p.input.Description, Homepage: &p.input.Homepage, DefaultBranch: defaultBranch,
		HasProjects: p.input.HasProjects, HasWiki: &p.input.HasWiki, HasIssues: &p.input.HasIssues,
		AllowMergeCommit: &p.input.AllowMergeCommit, AllowSquashMerge: &p.input.AllowSquashMerge,
		AllowRebaseMerge: &p.input.AllowRebaseMerge, AllowAutoMerge: &p.input.AllowAutoMerge,
		AllowUpdateBranch: &p.input.AllowUpdateBranch, DeleteBranchOnMerge: &p.input.DeleteBranchOnMerge,
	}
	if p.input.AllowSquashMerge {
		// GitHub refuses to be told how to squash where squashing is not allowed.
		settings.SquashMergeCommitTitle = &p.input.SquashMergeCommitTitle
		settings.SquashMergeCommitMessage = &p.input.SquashMergeCommitMessage
	}
	return p.ask(ctx, "changing the settings of "+p.name(), func(ctx context.Context) error {
		_, _, err := p.client.Repositories.Edit(ctx, p.target.Owner, p.target.Repo, settings)
		return err
	})
}
