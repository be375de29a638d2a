//! A cable between two parts that can be cut, while both ends live on.

use std::{net::SocketAddr, sync::Mutex};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The cable. It is whole at first.
pub(crate) struct Cable {
    near: SocketAddr,
    far: SocketAddr,
    tasks: TaskTracker,
    whole: Mutex<CancellationToken>,
}

impl Cable {
    /// Leads to this address.
    pub(crate) async fn to(far: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cable = Self {
            near: listener.local_addr().unwrap(),
            far,
            tasks: TaskTracker::new(),
            whole: Mutex::default(),
        };
        cable.carry(listener);
        cable
    }

    /// The near end's port.
    pub(crate) fn port(&self) -> u16 {
        self.near.port()
    }

    /// Ends every connection, and refuses new ones.
    pub(crate) async fn cut(&self) {
        self.whole.lock().unwrap().cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }

    /// Carries connections again.
    pub(crate) fn mend(&self) {
        *self.whole.lock().unwrap() = CancellationToken::new();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.near).unwrap();
        self.carry(socket.listen(64).unwrap());
    }

    fn carry(&self, listener: TcpListener) {
        let (far, whole) = (self.far, self.whole.lock().unwrap().clone());
        let tasks = self.tasks.clone();
        self.tasks.spawn(async move {
            let accept = async {
                while let Ok((near, _)) = listener.accept().await {
                    let whole = whole.clone();
                    tasks.spawn(async move { whole.run_until_cancelled(join(near, far)).await });
                }
            };
            whole.run_until_cancelled(accept).await
        });
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.whole.lock().unwrap().cancel();
    }
}

/// Joins both ends until one closes; how that happens is their affair.
async fn join(mut near: TcpStream, far: SocketAddr) {
    if let Ok(mut far) = TcpStream::connect(far).await {
        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
    }
}
