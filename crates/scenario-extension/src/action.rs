//! What a script can make an extension do.

use serde::Deserialize;

/// One call of envoy-sdk's API, or something that goes wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    // In every callback.
    /// Writes to the log, at level info.
    Log(String),
    /// Writes to the log, at each level from trace to error.
    LogAtEachLevel(String),
    /// Returns an error with this message.
    Error(String),
    /// Panics with this message, which only the test knows: it must not be logged.
    Panic(String),
    /// Adds to the counter.
    Count(u64),
    /// Shifts the gauge.
    Shift(i64),
    /// Records a value in the histogram.
    Record(u64),
    /// Logs a property, its path written with dots.
    Property(String),
    /// Logs how many octets a property has: for one that differs from run to run.
    PropertySize(String),
    /// Sets filter state: key and value.
    SetFilterState(String, String),
    /// Logs filter state.
    FilterState(String),
    /// Declares a key of filter state as text that is set once.
    DeclareFilterState(String),
    /// Makes an object of one of Envoy's extensions: its name, and the text that it is made from.
    SetFilterStateObject(String, String),
    /// Logs an object in the filter state.
    FilterStateObject(String),
    /// Calls a function of Envoy's with these arguments, and logs its answer.
    CallForeignFunction(String, String),
    /// Registers a queue, to be told of its messages.
    RegisterQueue(String),
    /// Puts a message into the queue.
    Enqueue(String),
    /// Takes a message out of the queue.
    Dequeue,
    /// Asks for the time; whether it is later than the last one.
    Now,
    /// Logs a value of shared data.
    SharedGet(String),
    /// Sets a value of shared data.
    SharedSet(String, String),
    /// Reads shared data, then replaces it, if nobody else has.
    SharedReplace(String, String),
    /// Reads shared data, sets it, and then tries to replace what was read.
    SharedReplaceTooLate(String, String),
    /// Sets a timer, in milliseconds.
    Timer(u64),
    /// Takes back the timer that was set last.
    CancelTimer,

    // Call-outs.
    /// Sends a POST request with this body to a cluster; it waits for so many milliseconds.
    HttpCall {
        /// The cluster.
        cluster: String,
        /// The path.
        path: String,
        /// The body.
        body: String,
        /// The time-out.
        milliseconds: u64,
    },
    /// Calls the method `Ask` of the service `scenario.Oracle` with this message.
    GrpcCall {
        /// The cluster.
        cluster: String,
        /// The message.
        message: String,
        /// The time-out.
        milliseconds: u64,
    },
    /// Stops the gRPC call that was made last.
    CancelGrpcCall,
    /// Opens a stream to the method `Talk` of the service `scenario.Oracle`, in this cluster.
    OpenGrpcStream(String),
    /// Sends a message on the gRPC stream.
    SendGrpcMessage(String),
    /// Sends a message on the gRPC stream, which is the last.
    SendLastGrpcMessage(String),
    /// Ends this side of the gRPC stream.
    EndGrpcStream,
    /// Resets the gRPC stream.
    CancelGrpcStream,

    // Where there is data.
    /// Logs this many octets from this one on.
    Read(usize, usize),
    /// Takes away so many octets in front.
    Drain(usize),
    /// Writes in front of everything.
    Prepend(String),
    /// Writes behind everything.
    Append(String),
    /// Writes in place of everything.
    Replace(String),

    // On connections, and on HTTP streams as far as it applies.
    /// Answers `StopIteration` (`StopIterationAndBuffer` to a body).
    Pause,
    /// Goes on after a pause.
    ContinueReading,
    /// Closes.
    Close,
    /// Closes after the data of the callback.
    CloseAfterFlush,

    // On HTTP streams.
    /// Logs a header.
    Header(Headers, String),
    /// Logs all headers, as many as there are and one by one.
    AllHeaders(Headers),
    /// Puts one value in place of all.
    SetHeader(Headers, String, String),
    /// Adds a value.
    AppendHeader(Headers, String, String),
    /// Removes all values.
    RemoveHeader(Headers, String),
    /// Replaces all headers by these.
    ReplaceHeaders(Headers, Vec<(String, String)>),
    /// Answers the client.
    LocalReply {
        /// The status.
        status: u16,
        /// The body.
        #[serde(default)]
        body: String,
        /// More headers.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// `%RESPONSE_CODE_DETAILS%`.
        #[serde(default)]
        details: Option<String>,
        /// What a gRPC client gets.
        #[serde(default)]
        grpc_status: Option<u32>,
    },
    /// Lets the request go on.
    ContinueRequest,
    /// Lets the response go on.
    ContinueResponse,
    /// Chooses the route anew.
    ClearRouteCache,
    /// Resets the stream.
    ResetStream,
}

/// One of the maps of an HTTP stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Headers {
    /// The request's headers.
    Request,
    /// The request's trailers.
    RequestTrailers,
    /// The response's headers.
    Response,
    /// The response's trailers.
    ResponseTrailers,
}
