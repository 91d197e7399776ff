package main

import (
	"github.com/portico-dev/portico/activities/aws"
	"github.com/portico-dev/portico/activities/jenkins"
	"github.com/portico-dev/portico/activities/jira"
	"github.com/portico-dev/portico/activities/msteams"
	"github.com/portico-dev/portico/activities/pagerduty"
	"github.com/portico-dev/portico/activities/quay"
	"github.com/portico-dev/portico/activities/sentry"
	"github.com/portico-dev/portico/activities/servicenow"
	"github.com/portico-dev/portico/activities/slack"
	"github.com/portico-dev/portico/activities/sonarqube"
	"github.com/portico-dev/portico/activities/terasky"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/expression"
)

// systemActions are the actions on systems around a service: those in which a few requests make a thing, or tell people.
func (p *platform) systemActions(renderer *expression.Renderer) []action.Action {
	transport := p.telemetry.Transport(integration.DefaultTransport())
	var all []action.Action
	all = append(all, p.awsActions()...)
	ci := p.config.Jenkins
	headers := map[string]string{}
	for name, value := range ci.Headers {
		headers[name] = string(value)
	}
	all = append(all, jenkins.Actions(jenkins.Options{BaseURL: ci.BaseURL, Username: ci.Username, APIKey: string(ci.APIKey), Headers: headers,
		AsksForCrumb: ci.CrumbIssuerEnabled, Transport: transport})...)
	issues := p.config.Jira
	all = append(all, jira.Actions(jira.Options{URL: issues.URL, Token: string(issues.APIToken), Transport: transport})...)
	teams := p.config.MSTeams
	all = append(all, msteams.Actions(msteams.Options{WebhookURL: string(teams.WebhookURL), WebhookHosts: teams.WebhookHosts, Transport: transport})...)
	pages := p.config.PagerDuty
	all = append(all, pagerduty.Actions(pagerduty.Options{APIBaseURL: pages.APIBaseURL, Token: string(pages.APIToken), Transport: transport})...)
	all = append(all, quay.Actions(quay.Options{URL: p.config.Quay.UIURL, Transport: transport})...)
	tickets := p.config.ServiceNow
	all = append(all, servicenow.Actions(servicenow.Options{BaseURL: tickets.BaseURL, Username: tickets.Username, Password: string(tickets.Password),
		Transport: transport})...)
	errorsAt := p.config.Scaffolder.Sentry
	all = append(all, sentry.Actions(sentry.Options{APIBaseURL: errorsAt.APIBaseURL, Token: string(errorsAt.Token), Transport: transport})...)
	all = append(all, sonarqube.Actions(sonarqube.Options{URLs: p.config.SonarQube.URLs(), Transport: transport})...)
	ingestor, pushed := p.config.TeraSky, p.config.TeraSky.Crossplane.XRDs.PublishPhase
	all = append(all, terasky.Actions(terasky.Options{AnnotationPrefix: ingestor.AnnotationPrefix, Branch: pushed.Git.TargetBranch, RepoURL: pushed.Git.RepoURL,
		Target: pushed.Target, CRDTarget: ingestor.GenericCRDTemplates.PublishPhase.Target, Enter: renderer.Enter})...)
	chat := p.config.Slack
	return append(all, slack.Actions(slack.Options{WebhookURL: string(chat.WebhookURL), WebhookHosts: chat.WebhookHosts, Token: string(chat.Token),
		ConversationID: chat.ConversationID, ConversationName: chat.ConversationName, Transport: transport})...)
}

// awsActions are the actions on AWS, and on servers that speak its protocols.
func (p *platform) awsActions() []action.Action {
	options := aws.Options{Transport: p.telemetry.Transport(integration.DefaultTransport())}
	if main := p.config.AWS.MainAccount; main != nil {
		options.Account = &aws.Account{AccessKeyID: main.AccessKeyID, SecretAccessKey: string(main.SecretAccessKey), Profile: main.Profile}
	}
	for _, one := range p.config.AWS.Accounts {
		if one.Profile != "" {
			options.Profiles = append(options.Profiles, one.Profile)
		}
	}
	for _, one := range p.config.Integrations.AWSS3 {
		if one.Endpoint == "" {
			continue // AWS itself
		}
		options.Stores = append(options.Stores, aws.Store{Endpoint: one.Endpoint, ForcePathStyle: one.S3ForcePathStyle,
			Account: aws.Account{AccessKeyID: one.AccessKeyID, SecretAccessKey: string(one.SecretAccessKey)}})
	}
	return aws.Actions(options)
}
