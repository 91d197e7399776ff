// Package notification holds the action notification:send. Notifications are stored in the database; the portal
// does not show them yet, and nothing sends them by mail or chat.
package notification

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
	"github.com/portico-dev/portico/scaffolder/template"
)

//go:embed schema/send.input.json
var sendInput json.RawMessage

// Actions are the actions of this package.
func Actions(pool *pgxpool.Pool) []action.Action {
	return []action.Action{sendAction{pool: pool, queries: db.New()}}
}

// sendAction is notification:send.
type sendAction struct {
	pool    *pgxpool.Pool
	queries *db.Queries
}

// effectKind is the kind of a notification in the ledger.
const effectKind = "notification"

// keepDays is how long a notification is stored.
const keepDays = 180

func (sendAction) Describe() action.Description {
	return action.Description{
		ID:          "notification:send",
		Description: "Sends a notification to everybody, or to users and groups.",
		InputSchema: sendInput,
		Undoes:      "Withdraws the notification, unless it was delivered.",
		Needs: []string{
			"With the permission framework, whoever starts the run may execute the action (scaffolder.action.execute); a condition on the input " +
				"recipients decides who may tell everybody.",
		},
		Differences: []string{
			"The notification is stored for 180 days. The portal does not show it yet.",
			"A link leads to a page of the portal, or to an address that begins with http:// or https://. Others are refused.",
			"A notification with the scope of an earlier one does not replace it.",
		},
		Examples: []action.Example{
			{Description: "Tell a team that its service is there", Example: `steps:
  - id: tell
    name: Tell the team
    action: notification:send
    input:
      recipients: entity
      entityRefs:
        - ${{ parameters.owner }}
      title: ${{ parameters.name }} is there
      info: It was made from the service template.
      link: /catalog/default/component/${{ parameters.name }}
      severity: normal
`},
			{Description: "Tell everybody, and go on if that fails", Example: `steps:
  - id: announce
    name: Announce the service
    action: notification:send
    input:
      recipients: broadcast
      title: A new service
      topic: services
      optional: true
`},
		},
	}
}

// message is the input.
type message struct {
	Recipients string
	EntityRefs []string
	Title      string
	Info       string
	Link       string
	Severity   string
	Scope      string
	Topic      string
	Optional   bool
}

// The bounds of a message, in characters, and of its recipients.
const (
	maxTitle      = 500
	maxInfo       = 10_000
	maxShort      = 255
	maxRecipients = 500
)

// toEntities are the recipients that entityRefs names.
const toEntities = "entity"

func decode(call *action.Call) (message, error) {
	m := message{Severity: "normal"}
	err := call.Decode(&m)
	return m, err
}

// check refuses a message that cannot be sent, and completes its references.
func (m *message) check() error {
	if m.Recipients == toEntities && len(m.EntityRefs) == 0 {
		return action.InputError("Entity references must be provided")
	}
	if m.Recipients != toEntities {
		m.EntityRefs = nil
	}
	if len(m.EntityRefs) > maxRecipients {
		return action.InputError("a notification has at most %d recipients", maxRecipients)
	}
	for i, ref := range m.EntityRefs {
		parsed, err := entity.ParseRef(ref, entity.Ref{})
		if err != nil {
			return action.InputError("entityRefs: %w", err)
		}
		m.EntityRefs[i] = parsed.String()
	}
	for _, each := range []struct {
		name, text string
		most       int
	}{{"title", m.Title, maxTitle}, {"info", m.Info, maxInfo}, {"scope", m.Scope, maxShort}, {"topic", m.Topic, maxShort}, {"link", m.Link, maxTitle}} {
		if utf8.RuneCountInString(each.text) > each.most {
			return action.InputError("%s is longer than %d characters", each.name, each.most)
		}
	}
	if m.Title == "" {
		return action.InputError("title is empty")
	}
	return m.checkLink()
}

// checkLink refuses a link that does more than lead to a page. Browsers take a backslash for a slash, and what follows two or more slashes
// for a host.
func (m *message) checkLink() error {
	link := strings.ReplaceAll(m.Link, `\`, "/")
	parsed, err := url.Parse(link)
	isPage := err == nil && (link == "" || strings.HasPrefix(link, "/") && !strings.HasPrefix(link, "//"))
	isAddress := err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != ""
	if !isPage && !isAddress {
		return action.InputError("link must begin with /, http:// or https://")
	}
	return nil
}

// Run stores the notification, once.
func (a sendAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	m, err := decode(call)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Sending notification to %s", m.Recipients)
	if err = m.check(); err == nil {
		_, _, err = resource.Ensure(ctx, call, a.notification(m, principal(call.RunID, call.User, call.Starter)))
	}
	if err != nil && m.Optional && !action.IsTransient(err) {
		call.Log.Warn("The notification was not sent: %v", err)
		return nil, nil
	}
	return nil, err
}

// Undo withdraws the notification.
func (a sendAction) Undo(ctx context.Context, call *action.UndoCall) error {
	return resource.Remove(ctx, call, a.notification(message{Title: call.Effect.Name}, principal(call.RunID, call.User, call.Starter)))
}

// Plan says who would be told.
func (a sendAction) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	m, err := decode(call)
	if err != nil {
		return action.Plan{}, err
	}
	if err := m.check(); err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, a.notification(m, identity.Principal{}), "send the notification "+m.Title+" to "+m.to())
}

// to names the recipients.
func (m *message) to() string {
	if m.Recipients == toEntities {
		return strings.Join(m.EntityRefs, ", ")
	}
	return "everybody"
}

// principal is who a run acts as. Older runs have no record of it.
func principal(runID string, user template.User, starter identity.Principal) identity.Principal {
	switch {
	case starter.Kind != identity.KindNone:
		return starter
	case user.Ref != "":
		return identity.Principal{Kind: identity.KindUser, Subject: user.Ref}
	}
	return identity.System("run " + runID)
}

// notification finds, stores and withdraws a notification.
func (a sendAction) notification(m message, by identity.Principal) resource.Spec[db.NotificationOfRow] {
	return resource.Spec[db.NotificationOfRow]{
		Intent: action.Intent{Kind: effectKind, Name: m.Title},
		Title:  "the notification " + m.Title,
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[db.NotificationOfRow], error) {
			if effect.ID == "" || effect.Fresh {
				return nil, nil
			}
			row, err := a.queries.NotificationOf(ctx, a.pool, effect.ID)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil, nil
			}
			if err != nil {
				return nil, action.Classify(fmt.Errorf("look for a notification: %w", err))
			}
			return stored(row), nil
		},
		Create: func(ctx context.Context, effect action.Effect) (*resource.Found[db.NotificationOfRow], error) {
			id, err := uuid.NewV7()
			if err != nil {
				return nil, action.Final(err)
			}
			if err := a.store(ctx, id, effect, m, by); err != nil {
				return nil, action.Classify(fmt.Errorf("store a notification: %w", err))
			}
			return stored(db.NotificationOfRow{ID: id}), nil
		},
		Used: func(_ context.Context, _ action.Effect, row db.NotificationOfRow) (string, error) {
			if row.DeliveredAt != nil {
				return "it was delivered", nil
			}
			return "", nil
		},
		Delete: func(ctx context.Context, row db.NotificationOfRow) error { return a.withdraw(ctx, row, by) },
	}
}

func stored(row db.NotificationOfRow) *resource.Found[db.NotificationOfRow] {
	return &resource.Found[db.NotificationOfRow]{Thing: row, ID: row.ID.String(), MadeFor: func(action.Effect) bool { return true }}
}

// store stores a notification with its audit event.
func (a sendAction) store(ctx context.Context, id uuid.UUID, effect action.Effect, m message, by identity.Principal) error {
	return pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		refs := append([]string{}, m.EntityRefs...)
		err := a.queries.InsertNotification(ctx, tx, db.InsertNotificationParams{
			KeepDays: keepDays, ID: id, EffectID: effect.ID, Recipients: m.Recipients, EntityRefs: refs, Title: m.Title, Description: m.Info, Link: m.Link,
			Severity: m.Severity, Scope: m.Scope, Topic: m.Topic,
		})
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, by.Actor(), audit.NotificationSend, id.String(), audit.Changed("recipients", nil, m.to()), audit.Changed("severity", nil, m.Severity))
	})
}

// withdraw deletes a notification that nobody has got, with its audit event.
func (a sendAction) withdraw(ctx context.Context, row db.NotificationOfRow, by identity.Principal) error {
	err := pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		deleted, err := a.queries.DeleteNotification(ctx, tx, row.ID)
		if err != nil {
			return err
		}
		if deleted == 0 {
			return resource.ErrNotExist
		}
		return audit.Record(ctx, tx, by.Actor(), audit.NotificationWithdraw, row.ID.String())
	})
	if errors.Is(err, resource.ErrNotExist) || err == nil {
		return err
	}
	return action.Classify(fmt.Errorf("withdraw a notification: %w", err))
}
