/* library.h: libnats, loaded when a NATS bus is first opened (base/library.h).
 *
 * What we call of it is so little, and its types are so opaque, that it is declared here: so the
 * program is built without its headers, and runs with any version 3 that is installed. */
#ifndef AF_BUS_NATS_LIBRARY_H
#define AF_BUS_NATS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_failure;

struct af_nats_connection; /* natsConnection, and so on */
struct af_nats_options;
struct af_nats_message;
struct af_nats_subscription;

typedef void af_nats_came_fn(struct af_nats_connection *connection,
                             struct af_nats_subscription *subscription,
                             struct af_nats_message *message, void *arg);
typedef void af_nats_failed_fn(struct af_nats_connection *connection,
                               struct af_nats_subscription *subscription, int status, void *arg);
typedef void af_nats_again_fn(struct af_nats_connection *connection, void *arg);
typedef int af_nats_attach_fn(void **user, void *loop, struct af_nats_connection *connection,
                              int socket);
typedef int af_nats_watch_fn(void *user, bool add);
typedef int af_nats_detach_fn(void *user);
typedef int64_t af_nats_delay_fn(struct af_nats_connection *connection, int attempts, void *arg);

enum { AF_NATS_ERROR = 1, AF_NATS_NO_RESPONDERS = 34 }; /* statuses; 0: it went well */
enum { AF_NATS_CONNECTED = 2, AF_NATS_CLOSED = 3 };     /* of natsConnection_Status() */
enum { AF_NATS_NOT_FOUND = 13 };                        /* of natsMsgHeader_Get() */

/* clang-format off */
#define AF_NATS_FUNCTIONS(X) \
    X(natsOptions_Create, int, (struct af_nats_options **)) \
    X(natsOptions_Destroy, void, (struct af_nats_options *)) \
    X(natsOptions_SetServers, int, (struct af_nats_options *, const char **, int)) \
    X(natsOptions_SetName, int, (struct af_nats_options *, const char *)) \
    X(natsOptions_SetToken, int, (struct af_nats_options *, const char *)) \
    X(natsOptions_SetUserCredentialsFromFiles, int, (struct af_nats_options *, const char *, const char *)) \
    X(natsOptions_SetNKeyFromSeed, int, (struct af_nats_options *, const char *, const char *)) \
    X(natsOptions_SetSecure, int, (struct af_nats_options *, bool)) \
    X(natsOptions_LoadCATrustedCertificates, int, (struct af_nats_options *, const char *)) \
    X(natsOptions_LoadCertificatesChain, int, (struct af_nats_options *, const char *, const char *)) \
    X(natsOptions_SetTimeout, int, (struct af_nats_options *, int64_t)) \
    X(natsOptions_SetWriteDeadline, int, (struct af_nats_options *, int64_t)) \
    X(natsOptions_SetPingInterval, int, (struct af_nats_options *, int64_t)) \
    X(natsOptions_SetMaxReconnect, int, (struct af_nats_options *, int)) \
    X(natsOptions_SetReconnectBufSize, int, (struct af_nats_options *, int)) \
    X(natsOptions_SetCustomReconnectDelay, int, (struct af_nats_options *, af_nats_delay_fn *, void *)) \
    X(natsOptions_SetErrorHandler, int, (struct af_nats_options *, af_nats_failed_fn *, void *)) \
    X(natsOptions_SetDisconnectedCB, int, (struct af_nats_options *, af_nats_again_fn *, void *)) \
    X(natsOptions_SetReconnectedCB, int, (struct af_nats_options *, af_nats_again_fn *, void *)) \
    X(natsOptions_SetSendAsap, int, (struct af_nats_options *, bool)) \
    X(natsOptions_UseGlobalMessageDelivery, int, (struct af_nats_options *, bool)) \
    X(natsOptions_SetEventLoop, int, (struct af_nats_options *, void *, af_nats_attach_fn *, af_nats_watch_fn *, \
      af_nats_watch_fn *, af_nats_detach_fn *)) \
    X(natsConnection_Connect, int, (struct af_nats_connection **, struct af_nats_options *)) \
    X(natsConnection_Close, void, (struct af_nats_connection *)) \
    X(natsConnection_Destroy, void, (struct af_nats_connection *)) \
    X(natsConnection_Status, int, (struct af_nats_connection *)) \
    X(natsConnection_ProcessReadEvent, void, (struct af_nats_connection *)) \
    X(natsConnection_ProcessWriteEvent, void, (struct af_nats_connection *)) \
    X(natsConnection_GetLastError, int, (struct af_nats_connection *, const char **)) \
    X(natsConnection_GetConnectedUrl, int, (struct af_nats_connection *, char *, size_t)) \
    X(natsConnection_GetConnectedServerId, int, (struct af_nats_connection *, char *, size_t)) \
    X(natsConnection_GetMaxPayload, int64_t, (struct af_nats_connection *)) \
    X(natsConnection_PublishMsg, int, (struct af_nats_connection *, struct af_nats_message *)) \
    X(natsConnection_Subscribe, int, (struct af_nats_subscription **, struct af_nats_connection *, \
      const char *, af_nats_came_fn *, void *)) \
    X(natsConnection_SubscribeSync, int, (struct af_nats_subscription **, struct af_nats_connection *, const char *)) \
    X(natsSubscription_NextMsg, int, (struct af_nats_message **, struct af_nats_subscription *, int64_t)) \
    X(natsSubscription_GetPending, int, (struct af_nats_subscription *, int *, int *)) \
    X(natsSubscription_SetPendingLimits, int, (struct af_nats_subscription *, int, int)) \
    X(natsSubscription_Destroy, void, (struct af_nats_subscription *)) \
    X(natsMsg_Create, int, (struct af_nats_message **, const char *, const char *, const char *, int)) \
    X(natsMsg_Destroy, void, (struct af_nats_message *)) \
    X(natsMsg_GetSubject, const char *, (const struct af_nats_message *)) \
    X(natsMsg_GetReply, const char *, (const struct af_nats_message *)) \
    X(natsMsg_GetData, const char *, (const struct af_nats_message *)) \
    X(natsMsg_GetDataLength, int, (const struct af_nats_message *)) \
    X(natsMsgHeader_Set, int, (struct af_nats_message *, const char *, const char *)) \
    X(natsMsgHeader_Get, int, (struct af_nats_message *, const char *, const char **)) \
    X(natsMsgHeader_Values, int, (struct af_nats_message *, const char *, const char ***, int *)) \
    X(natsStatus_GetText, const char *, (int)) \
    X(nats_GetLastError, const char *, (int *))
/* clang-format on */
#define AF_NATS_DECLARE(name, type, arguments) extern type(*af_##name) arguments;
AF_NATS_FUNCTIONS(AF_NATS_DECLARE)

/* Before any of them is called: -1 with *why filled where the library is not there. */
int af_nats_need_library(struct af_failure *why);

#endif
