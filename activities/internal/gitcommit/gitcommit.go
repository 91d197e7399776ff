// Package gitcommit makes one commit on a branch of a repository that exists, once, and takes it back: it is an effect
// as package resource describes them. It works by Git alone (package gitpush), so it serves every host.
//
// A commit shows whose it is: its time is that of the effect's intent, its parent is the commit that the branch had then,
// and its files are those that the intent says. A branch that was not there before the intent is the run's as long as it
// holds no other commits. A Proposal opens a pull request of such a branch.
package gitcommit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// Record is what the ledger keeps about a commit.
type Record struct {
	Branch string `json:"branch"`
	// Base is the commit on top of which it goes, "" in an empty repository. From is a branch that had it.
	Base string `json:"base,omitempty"`
	From string `json:"from,omitempty"`
	// Tree is the hash of the commit's files.
	Tree string `json:"tree,omitempty"`
	// Created says that the branch was not there before the intent: it goes with the commit.
	Created bool `json:"created,omitempty"`
}

// At is the record for a commit on a branch of a remote, as it is now: on top of its newest commit, or on that of
// another branch where it is not there.
func At(ctx context.Context, remote gitpush.Remote, branch, from string) (Record, error) {
	refs, err := remote.Refs(ctx)
	if err != nil {
		return Record{}, err
	}
	record := Record{Branch: branch, From: branch, Base: refs[heads+branch]}
	if record.Base == "" {
		record.From, record.Base, record.Created = from, refs[heads+from], true
	}
	return record, nil
}

const heads = "refs/heads/"

// Landing is a commit on a branch of a remote, and its effect.
type Landing struct {
	Remote gitpush.Remote
	Record Record
	// Kind and Name are those of the effect. Data is what the ledger keeps about it, with the complete Record; only Run
	// needs it.
	Kind, Name string
	Data       func(Record) any
	// Author is who the commit and its revert are by. An empty part is Backstage's.
	Author gitpush.Author
	// Begin creates the branch at its base by the host's API. Nil leaves that to the push. It returns resource.ErrExist
	// where the branch is there already.
	Begin func(ctx context.Context) error
}

// Landed is the branch of a landing, as it was found.
type Landed struct {
	commits []gitpush.Logged
	// at is the place of the run's commit, -1 when it is not there yet.
	at int
}

// Spec describes the commit to package resource, for finding it and taking it back.
func (l Landing) Spec() resource.Spec[*Landed] {
	return resource.Spec[*Landed]{
		Title:  fmt.Sprintf("the commit on %s of %s", l.Record.Branch, l.Remote.Name),
		Intent: action.Intent{Kind: l.Kind, Name: l.Name},
		Find:   l.find,
		Delete: l.remove,
		Hidden: l.hiddenBecause,
		Used: func(_ context.Context, _ action.Effect, found *Landed) (string, error) {
			if found.at > 0 {
				return "somebody has committed on top of it", nil
			}
			return "", nil
		},
	}
}

// Run commits a directory of the workspace, and returns the hash. A commit that an earlier attempt has pushed stays as
// it is.
func (l Landing) Run(ctx context.Context, call *action.Call, source *os.Root, message string) (hash string, err error) {
	change, err := l.Remote.Change(ctx, call.Log, gitpush.Base{Branch: l.Record.From, Commit: l.Record.Base}, source)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, change.Close()) }()
	l.Record.Tree = cmp.Or(l.Record.Tree, change.Tree)
	push := func(ctx context.Context, effect action.Effect) (string, error) {
		return change.Push(ctx, heads+l.Record.Branch, gitpush.Commit{
			Author: l.Author.Or(gitpush.Author{}), Message: message, When: gitpush.CommittedAt(effect),
		})
	}
	spec := l.Spec()
	spec.Intent.Data = l.Data(l.Record)
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[*Landed], error) {
		if l.Begin != nil && l.Record.Created {
			return found(&Landed{at: -1}, true), l.Begin(ctx)
		}
		hash, err := push(ctx, effect)
		return found(&Landed{commits: []gitpush.Logged{{Hash: hash}}}, true), err
	}
	made, effect, err := resource.Ensure(ctx, call, spec)
	switch {
	case err != nil:
		return "", err
	case made.at < 0:
		return push(ctx, effect)
	}
	return made.commits[made.at].Hash, nil
}

// find looks for the commit among the newest ones of the branch. One that was reverted is gone.
func (l Landing) find(ctx context.Context, effect action.Effect) (*resource.Found[*Landed], error) {
	if effect.Fresh && !l.Record.Created {
		return nil, nil // nothing can have been pushed for it
	}
	commits, err := l.Remote.History(ctx, l.Record.Branch)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	if err != nil || len(commits) == 0 {
		return nil, err
	}
	at := slices.IndexFunc(commits, func(one gitpush.Logged) bool { return l.isOurs(effect, one) })
	switch {
	case at >= 0 && isReverted(commits, at), at < 0 && !l.Record.Created:
		return nil, nil
	case at >= 0:
		return found(&Landed{commits: commits, at: at}, true), nil
	}
	return found(&Landed{commits: commits, at: -1}, commits[0].Hash == l.Record.Base && !effect.Fresh && effect.ID != ""), nil
}

func found(one *Landed, isOurs bool) *resource.Found[*Landed] {
	return &resource.Found[*Landed]{Thing: one, MadeFor: func(action.Effect) bool { return isOurs }}
}

func (l Landing) isOurs(effect action.Effect, one gitpush.Logged) bool {
	return effect.ID != "" && !effect.Fresh && one.Parent == l.Record.Base && one.Tree == l.Record.Tree && one.When.Equal(gitpush.CommittedAt(effect))
}

// isReverted reports whether the next commit takes one back: it has the files of the one before.
func isReverted(commits []gitpush.Logged, at int) bool {
	return at > 0 && at+1 < len(commits) && commits[at-1].Tree == commits[at+1].Tree
}

// remove deletes the branch if the run created it, and reverts the commit otherwise.
func (l Landing) remove(ctx context.Context, made *Landed) error {
	if l.Record.Created {
		return l.Remote.Delete(ctx, l.Record.Branch, made.commits[0].Hash)
	}
	if len(made.commits) < 2 {
		return action.Final(fmt.Errorf("reverting the commit on %s of %s: the commit before it is not there", l.Record.Branch, l.Remote.Name))
	}
	ours, base := made.commits[0], made.commits[1]
	return l.Remote.Revert(ctx, l.Record.Branch, ours, base, gitpush.Commit{
		Author: l.Author.Or(gitpush.Author{}), Message: "Revert a commit of a run that was rolled back\n\nThis reverts commit " + ours.Hash + ".\n", When: ours.When,
	})
}

// hiddenBecause says why the branch may be there although nothing of it is seen.
func (l Landing) hiddenBecause(ctx context.Context) (string, error) {
	_, err := l.Remote.Refs(ctx)
	switch {
	case err == nil:
		return "", nil
	case fault.KindOf(err) == fault.NotFound, fault.KindOf(err) == fault.NotAllowed:
		return fmt.Sprintf("%s does not show the repository %s", l.Remote.Host, l.Remote.Name), nil
	}
	return "", err
}
