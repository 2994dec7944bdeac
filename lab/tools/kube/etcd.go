// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
)

// etcdEndpoint is a Unix socket relative to the data directory, which startEtcd makes the working directory: relative,
// because a socket's path may have 108 bytes at most; a socket, because a loopback port without TLS is open to every user
// of the machine. etcd wants something like a port in each name; it is part of the file's.
const (
	clientSocket = "client.sock:1"
	peerSocket   = "peer.sock:1"
	etcdEndpoint = "unix://" + clientSocket
)

// startEtcd starts a one-member etcd and returns when it serves. The caller closes it. Nothing is synced to disk: a lab's
// data does not outlive its machine.
func startEtcd(ctx context.Context, cfg config) (*embed.Etcd, error) {
	if err := os.Chdir(cfg.data); err != nil {
		return nil, fmt.Errorf("enter etcd's data directory: %w", err)
	}
	client, peer := url.URL{Scheme: "unix", Host: clientSocket}, url.URL{Scheme: "unix", Host: peerSocket}
	ec := embed.NewConfig()
	ec.Name, ec.Dir, ec.LogLevel, ec.UnsafeNoFsync = "lab", "etcd", "warn", true
	// Left at zero, every request would be logged as a slow one.
	ec.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
	ec.ListenClientUrls, ec.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	ec.ListenPeerUrls, ec.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	ec.InitialCluster = ec.InitialClusterFromName(ec.Name)
	etcd, err := embed.StartEtcd(ec)
	if err != nil {
		return nil, fmt.Errorf("start etcd in %s: %w", cfg.data, err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case err := <-etcd.Err():
		etcd.Close()
		return nil, fmt.Errorf("start etcd in %s: %w", cfg.data, err)
	case <-ctx.Done():
		etcd.Close()
		return nil, context.Cause(ctx)
	}
}
