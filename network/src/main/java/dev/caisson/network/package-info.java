/// What a sandbox that has no route may reach of the network: exactly what a policy allows.
///
/// A [dev.caisson.network.NetworkPolicy] says which hosts and ports. A [dev.caisson.network.Broker]
/// on the host checks against it, resolves names, checks the addresses, too, and connects. Programs
/// in the sandbox reach it in two ways: those that know of a proxy (`http_proxy`) through a
/// [dev.caisson.network.BrokerProxy], which listens in the sandbox's own network without a process
/// there; those that know of the endpoint `network` through a [dev.caisson.network.BrokerProtocol].
///
/// {@snippet class="dev.caisson.network.Example" region="proxy"}
///
/// What is checked is who is connected to. What is said over a connection is not looked at: a host
/// that is allowed can pass on what it is told, and a server that serves many names by one address
/// serves all of them to whoever may reach one.
@NullMarked
package dev.caisson.network;

import org.jspecify.annotations.NullMarked;
