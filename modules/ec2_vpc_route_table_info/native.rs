//! ec2_vpc_route_table_info: tell what route tables there are.

use crate::cloud::kinds::RouteTable;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info, values};

/// The run's one listing of DescribeRouteTables, shared by all tasks; with ids or filters a call of its own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<RouteTable> {
        returns: "route_tables",
        ids: &[("route_table_ids", "route-table-id")],
        table: |account| &account.route_tables,
        value: values::route_table,
    }))
}
