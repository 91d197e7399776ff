package main

import (
	"context"
	"fmt"
	"time"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/audit/webhook"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
)

// openAudit opens the audit log and its webhook, if there is one.
func (p *platform) openAudit(context.Context, place) error {
	p.audit, p.refusals = audit.NewLog(p.pool, p.log), audit.NewAttempts(p.pool, p.log)
	configured := p.config.Portico.Audit.Webhook
	if configured == nil {
		return nil
	}
	secret, err := config.DecodeWebhookSecret(string(configured.Secret))
	if err != nil {
		return fmt.Errorf("portico.audit.webhook.secret: %w", err)
	}
	p.webhook = webhook.New(webhook.Options{Log: p.log, Pool: p.pool, Audit: p.audit, URL: string(configured.URL), Secret: secret,
		Transport: integration.DefaultTransport()})
	return nil
}

// problems are what an operator should know, although requests are served.
func (p *platform) problems() []string {
	found := p.roleProblems()
	if p.webhook != nil {
		found = append(found, p.webhook.Problems()...)
	}
	return found
}

// sealAuditLog seals the events that were recorded since the last time.
func (p *platform) sealAuditLog(ctx context.Context) error { return untilNone(ctx, p.audit.Seal) }

// sendAuditLog sends what was sealed since the last time.
func (p *platform) sendAuditLog(ctx context.Context) error { return untilNone(ctx, p.webhook.Send) }

// deleteAuditEvents deletes the events whose retention is over, a whole day at a time.
func (p *platform) deleteAuditEvents(ctx context.Context) error {
	retention := p.config.Portico.Audit.Retention
	if retention == 0 {
		return nil
	}
	before := time.Now().UTC().Add(-retention).Truncate(24 * time.Hour)
	return untilNone(ctx, func(ctx context.Context) (more bool, err error) { return p.audit.DeleteBefore(ctx, before) })
}
