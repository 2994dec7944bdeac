// SPDX-License-Identifier: Apache-2.0

// Package kube makes clients from a kubeconfig and asserts, once each, what nodes, resource definitions and resources are
// like. It never waits and never decides what comes next.
package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// FieldManager owns the fields that the installer applies.
const FieldManager = "cozy-install"

// Client talks to one cluster.
type Client struct {
	Config  *rest.Config
	Typed   kubernetes.Interface
	Dynamic dynamic.Interface
	// Namespace is the one that the kubeconfig's context has, if it is not the default. Empty: none, or nobody asked.
	Namespace string
}

// FromKubeconfig makes a client of a kubeconfig's content. It opens no connection.
func FromKubeconfig(kubeconfig []byte) (*Client, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	return FromConfig(config)
}

// FromFile makes a client of a kubeconfig file. An empty path means the places kubectl looks at, an empty context the
// current one. It opens no connection.
func FromFile(path, contextName string) (*Client, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	overrides := &clientcmd.ConfigOverrides{CurrentContext: contextName}
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	config, err := loaded.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %s: %w", path, err)
	}
	namespace, _, err := loaded.Namespace()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %s: %w", path, err)
	}
	client, err := FromConfig(config)
	if err == nil && namespace != metav1.NamespaceDefault {
		client.Namespace = namespace
	}
	return client, err
}

// FromConfig makes a client of a REST config. The limits are lifted: the installer is alone, and short-lived.
func FromConfig(config *rest.Config) (*Client, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 100, 200
	config.Timeout = 30 * time.Second
	// Warnings of the API server are for those who wrote the object; ours are checked by tests.
	config.WarningHandler = rest.NoWarnings{}
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", config.Host, err)
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", config.Host, err)
	}
	return &Client{Config: config, Typed: typed, Dynamic: dyn}, nil
}

// UnreachableError says that a cluster's API does not answer.
type UnreachableError struct {
	Host string
	Err  error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cluster %s does not answer: %v", e.Host, e.Err)
}
func (e *UnreachableError) Unwrap() error { return e.Err }

// Hint says what to look at.
func (e *UnreachableError) Hint() string {
	return "check from this host that the address is reachable, e.g. curl -k " + e.Host + "/version"
}

// Answered makes an *UnreachableError of an error of a call that got no answer. What the API server itself answered, what we refused
// before it was asked (it says what to do next), and nil stay as they are.
func (c *Client) Answered(err error) error {
	if status := apierrors.APIStatus(nil); err == nil || errors.As(err, &status) {
		return err
	}
	if refused := interface{ Hint() string }(nil); errors.As(err, &refused) {
		return err
	}
	return &UnreachableError{Host: c.Config.Host, Err: err}
}

// AssertAnswering asks the API server whether it is ready.
func (c *Client) AssertAnswering(ctx context.Context) error {
	body, err := c.Typed.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Raw()
	if err != nil {
		return &UnreachableError{Host: c.Config.Host, Err: err}
	}
	if string(body) != "ok" {
		return &UnreachableError{Host: c.Config.Host, Err: errors.New("it is not ready yet")}
	}
	return nil
}
